import pytest

from ddlivm.errors import InputError
from ddlivm.parameters import Simulation
from pipelines import demo_data

SIMULATION = Simulation(pairs=18, seed=7)
SIMULATE = """#!/bin/sh
# simulate --sites N --pairs N --seed S --out DIR
echo "$@" >> calls
test -e refuse && exit 2
mkdir "$9"
printf -- '- {id: site1, simulated: true}\\n' > "$9/sites.yaml"
printf -- 'seed %s' "$7" > "$9/image"
"""
DVC = """#!/bin/sh
if test "$1" = add; then cp data/image recorded; exit; fi
test "$(cat data/image)" = "$(cat recorded)"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a simulator and a DVC that compares `data/image` with `recorded`."""
    monkeypatch.chdir(tmp_path)
    for name, script in (("ddlivm", SIMULATE), ("dvc", DVC)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(demo_data, "BINARIES", tmp_path)
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123.dir\n  path: data\n")
    (tmp_path / "recorded").write_text("seed 7")
    return tmp_path


def calls(folder) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_simulates_once_what_params_yaml_says(folder, capsys):
    for _ in range(2):
        demo_data.prepare_data(SIMULATION, 9)
    assert calls(folder) == ["simulate --sites 9 --pairs 18 --seed 7 --out data"]
    assert capsys.readouterr().out == ""


def test_says_so_when_another_processor_gives_other_bytes_and_goes_on(folder, capsys):
    (folder / "recorded").write_text("rounded otherwise")
    pointer = (folder / "data.dvc").read_bytes()
    demo_data.prepare_data(SIMULATION, 9)
    assert "other bytes than data.dvc names" in capsys.readouterr().out
    demo_data.prepare_data(SIMULATION, 9)
    assert len(calls(folder)) == 1
    assert (folder / "data.dvc").read_bytes() == pointer
    assert capsys.readouterr().out == ""


def test_data_that_dvc_pulled_is_taken(folder):
    (folder / "data").mkdir()
    (folder / "data/sites.yaml").write_text("- {id: site1, simulated: true}\n")
    (folder / "data/image").write_text("seed 7")
    demo_data.prepare_data(SIMULATION, 9)
    assert calls(folder) == []


def test_other_parameters_simulate_again_and_keep_the_data_before(folder):
    demo_data.prepare_data(SIMULATION, 9)
    (folder / "recorded").write_text("seed 8")
    demo_data.prepare_data(Simulation(pairs=18, seed=8), 9)
    assert len(calls(folder)) == 2
    assert (folder / "data/image").read_text() == "seed 8"
    assert (folder / "build/previous_data/image").read_text() == "seed 7"


def test_ones_own_data_is_never_touched(folder, capsys):
    (folder / "data").mkdir()
    (folder / "data/sites.yaml").write_text("- {id: plant}\n")
    demo_data.prepare_data(SIMULATION, 9)
    assert calls(folder) == []
    assert "is not simulated; going on with it" in capsys.readouterr().out


def test_a_simulation_that_fails_stops_the_demo(folder):
    (folder / "refuse").touch()
    with pytest.raises(InputError, match="the simulation failed"):
        demo_data.prepare_data(SIMULATION, 9)


def test_recording_simulates_anew_and_names_what_came_out(folder):
    demo_data.prepare_data(SIMULATION, 9)
    demo_data.record(Simulation(pairs=18, seed=8), 9)
    assert (folder / "recorded").read_text() == "seed 8"
    assert (folder / "build/previous_data/image").read_text() == "seed 7"


def test_ones_own_data_is_not_recorded_as_simulated(folder):
    (folder / "data").mkdir()
    with pytest.raises(InputError, match="is not simulated"):
        demo_data.record(SIMULATION, 9)
