import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.arguments import Run
from components.declaration import DATA, FIGURES, FOLD, Input, Stage
from components.stage import main
from ddlivm.data.shards import pack
from ddlivm.errors import ElsewhereError, InputError
from ddlivm.files import read_yaml
from ddlivm.parameters import BackgroundRemoval, HeadSelection
from tests.imports import ROOT

STAGE = Stage("background_removal", (DATA,), "words", (FOLD,), gate="sites", scratch=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "image.png").write_bytes(b"pixels")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path


def argv(**changed: str) -> list[str]:
    words = {"params": "params.yaml", "data": "data", "fold": "site5", "out": "build/out", "work": "build/work"}
    return [word for name, value in (words | changed).items() for word in (f"--{name.replace('_', '-')}", value)]


def write_fold(run: Run) -> None:
    (run.out / "fold.txt").write_text(run.options["fold"])


def one_line(capsys) -> str:
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


def test_fills_the_output_and_leaves_nothing_else(folder, capsys):
    assert main(STAGE, write_fold, None, argv()) == 0
    assert (folder / "build/out/fold.txt").read_text() == "site5"
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["out", "out.provenance.json", "work"]
    assert [path.suffix for path in (folder / "build/work").iterdir()] == [".lock"]
    first, last = capsys.readouterr().out.splitlines()
    assert first == "background_removal site5: params.yaml (demo) -> build/out"
    assert last.startswith("background_removal site5: build/out done in ")


def test_provenance_says_how_the_output_came_to_be(folder):
    main(STAGE, write_fold, None, [*argv(), "--executor-input", '{"inputs": {}}', "--cache-key", "abc"])
    facts = json.loads((folder / "build/out.provenance.json").read_text())
    assert facts["argv"] == [*argv(), "--executor-input", "...", "--cache-key", "abc"]
    assert facts["packages"]["numpy"] == "2.4.6"
    assert facts["peak_memory_bytes"] > 10_000_000
    assert 0 <= time.time() - facts["started"] < 600
    assert facts["seconds"] >= 0
    assert facts["cache_key"] == "abc"


def test_gives_the_stage_its_own_section_and_the_gates_sites(folder):
    given = []

    def work(run: Run) -> None:
        given.append((run.section(BackgroundRemoval), run.gate_sites))

    assert main(STAGE, work, None, argv()) == 0
    section, sites = given[0]
    assert section.epochs == read_yaml(ROOT / "params.yaml")["profiles"]["demo"]["background_removal"]["epochs"]
    assert section.loss_weights == "paper"  # the base section's, which the demo leaves alone
    assert sites == ("site2",)


@pytest.mark.parametrize(
    "read",
    [
        lambda run: run.section(HeadSelection),
        lambda run: run.gate,
        lambda run: run.collected["figures"],
    ],
)
def test_what_was_not_declared_cannot_be_read(folder, read):
    with pytest.raises((TypeError, KeyError)):
        main(STAGE, read, None, argv())


def test_without_a_gate_its_sites_cannot_be_read(folder):
    def work(run: Run) -> None:
        assert run.gate_sites

    with pytest.raises(TypeError, match="gate"):
        main(Stage("background_removal", (DATA,), "words", (FOLD,)), work, None, argv())


def test_packed_data_is_read_as_it_was_and_checked(folder, capsys):
    pack(folder / "data", folder / "packed")

    def work(run: Run) -> None:
        (run.out / "image.png").write_bytes((run.paths["data"] / "image.png").read_bytes())

    assert main(STAGE, work, None, argv(data="packed")) == 0
    assert (folder / "build/out/image.png").read_bytes() == b"pixels"
    assert [path.suffix for path in (folder / "build/work").iterdir()] == [".lock"]  # what was unpacked is gone
    (shard,) = (folder / "packed").glob("*.tar")
    shard.write_bytes(shard.read_bytes().replace(b"pixels", b"poxels"))
    capsys.readouterr()
    assert main(STAGE, work, None, argv(data="packed", out="build/other")) == 2
    assert "differs from the index (sha256)" in one_line(capsys)
    assert not (folder / "build/other").exists()


def test_a_missing_input_is_one_line(folder, capsys):
    assert main(STAGE, write_fold, None, argv(data="elsewhere")) == 2
    assert one_line(capsys).startswith("background_removal: --data elsewhere: does not exist")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("batch_size: 16", "batch_size: 0", "background_removal.batch_size"),
        ("batch_size: 16", "batch_sise: 16", "background_removal.batch_sise"),
        ("profile: demo", "profile: tiny", "profile"),
    ],
)
def test_bad_parameters_are_one_line_that_names_the_key(folder, capsys, old, new, key):
    text = (folder / "params.yaml").read_text()
    assert old in text
    (folder / "params.yaml").write_text(text.replace(old, new))
    assert main(STAGE, write_fold, None, argv()) == 2
    assert key in one_line(capsys)
    assert not (folder / "build").exists()


def test_bad_input_found_by_the_stage_is_one_line_and_leaves_no_output(folder, capsys):
    def work(run: Run) -> None:
        (run.out / "half.txt").write_text("half")
        raise InputError("data/image.png: is empty")

    assert main(STAGE, work, None, argv()) == 2
    assert one_line(capsys) == "background_removal: data/image.png: is empty\n"
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["work"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "big.bin"), "big.bin: cannot be written (No space left"),
        (OSError(errno.EROFS, "Read-only file system"), "build/out: cannot be written (Read-only file system)"),
        (RuntimeError('I/O error: "No space left on device (os error 28)"'), "cannot be written (No space left"),
    ],
)
def test_a_full_or_read_only_disk_is_one_line(folder, capsys, error, reason):
    def work(run: Run) -> None:
        raise error

    assert main(STAGE, work, None, argv()) == 2
    assert reason in one_line(capsys)


def test_an_output_that_cannot_be_made_is_one_line(folder, capsys):
    (folder / "file").write_text("")
    assert main(STAGE, write_fold, None, argv(out="file/out")) == 2
    assert "file/out: cannot be written" in one_line(capsys)


def test_other_errors_keep_their_traceback(folder):
    def work(run: Run) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(STAGE, work, None, argv())


def test_scratch_survives_a_failure_and_is_found_again_until_something_changes(folder):
    found = []

    def work(run: Run) -> None:
        found.append((run.work / "checkpoint").exists())
        (run.work / "checkpoint").touch()
        raise InputError("killed")

    def run(**changed: str) -> bool:
        main(STAGE, work, None, argv(**changed))
        return found[-1]

    assert run() is False
    assert run() is True
    assert run(fold="site7") is False
    assert run(work="elsewhere") is False
    (folder / "data" / "image.png").write_bytes(b"others")
    assert run() is False
    (folder / "params.yaml").write_text((folder / "params.yaml").read_text().replace("window: 50", "window: 40"))
    assert run() is True  # another stage's parameter
    main(STAGE, write_fold, None, argv())
    assert run() is False  # success removes it


def test_another_section_that_a_stage_reads_has_a_scratch_of_its_own(folder):
    stage = Stage(
        "background_removal", (DATA,), "words", (FOLD,), gate="sites", sections=("calibration",), scratch=True
    )
    found = []

    def stop(run: Run) -> None:
        found.append((run.work / "learnt").exists())
        (run.work / "learnt").touch()
        raise InputError("stopped")

    main(stage, stop, None, argv())
    main(stage, stop, None, argv())
    params = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(params.replace("sites: [[site3], [site8, site9]]", "sites: [[site1], [site3]]"))
    main(stage, stop, None, argv())
    assert found == [False, True, False]


def test_a_killed_writers_leftovers_are_removed(folder):
    leftover = folder / "build/.out.0123abcd.partial"
    leftover.mkdir(parents=True)
    (leftover / "half.txt").write_text("half")
    assert main(STAGE, write_fold, None, argv()) == 0
    assert not leftover.exists()


def test_lists_come_from_params_yaml_or_from_the_executor_input(folder):
    stage = Stage("report", (FIGURES,), "words")
    given: list[list[Path]] = []
    for fold in ("site5", "site7", "all"):
        (folder / "figures" / fold).mkdir(parents=True)
    words = argv(out="build/report")
    words = words[: words.index("--data")] + words[words.index("--out") :]

    def work(run: Run) -> None:
        given.append(run.collected["figures"])

    assert main(stage, work, None, [*words, "--figures", "figures"]) == 0
    assert given[-1] == [Path("figures/site5"), Path("figures/site7"), Path("figures/all")]
    artifacts = {
        "figures": {"artifacts": [{"uri": str(folder / "figures/site7")}]},
        "shipped_figures": {"artifacts": [{"uri": str(folder / "figures/all")}]},
    }
    assert main(stage, work, None, [*words, "--executor-input", json.dumps({"inputs": {"artifacts": artifacts}})]) == 0
    assert given[-1] == [folder / "figures/site7", folder / "figures/all"]
    assert main(stage, work, None, words) == 2
    assert main(stage, work, None, [*words, "--executor-input", "{}"]) == 2
    assert main(stage, work, None, [*words, "--executor-input", "{"]) == 2


def _slow(run: Run) -> None:
    (run.out / "writer.txt").write_text(str(os.getpid()))
    time.sleep(1.5)


def test_a_second_writer_waits_for_the_first_and_takes_its_output(folder, capfd):
    context = multiprocessing.get_context("fork")
    first = context.Process(target=main, args=(STAGE, _slow, None, argv()))
    first.start()
    while not list(folder.glob("build/.out.*.partial/writer.txt")):
        time.sleep(0.02)
    assert main(STAGE, _slow, None, argv()) == 0
    first.join()
    assert (folder / "build/out/writer.txt").read_text() == str(first.pid)
    captured = capfd.readouterr()
    assert f"process {first.pid} is writing it; waiting" in captured.err
    assert "the process that was waited for wrote it" in captured.out


def test_a_second_writer_with_other_parameters_writes_its_own(folder):
    context = multiprocessing.get_context("fork")
    first = context.Process(target=main, args=(STAGE, _slow, None, argv()))
    first.start()
    while not list(folder.glob("build/.out.*.partial/writer.txt")):
        time.sleep(0.02)
    assert main(STAGE, write_fold, None, argv(fold="site7")) == 0
    first.join()
    assert [path.name for path in (folder / "build/out").iterdir()] == ["fold.txt"]


def test_a_killed_writer_blocks_nobody(folder):
    context = multiprocessing.get_context("fork")
    first = context.Process(target=main, args=(STAGE, _slow, None, argv()))
    first.start()
    while not list(folder.glob("build/.out.*.partial/writer.txt")):
        time.sleep(0.02)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    assert not (folder / "build/out").exists()
    assert main(STAGE, write_fold, None, argv()) == 0
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["out", "out.provenance.json", "work"]


def _stopped(run: Run) -> None:
    (run.out / "half.txt").write_text("half")
    (run.work / "checkpoint").touch()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)


def test_a_signal_to_stop_is_one_line_and_keeps_the_scratch(folder, capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert main(STAGE, _stopped, None, argv()) == 143
    assert one_line(capsys) == "background_removal: stopped; the same command starts it again\n"
    assert sorted(path.name for path in (folder / "build").iterdir()) == ["work"]
    (scratch,) = (path for path in (folder / "build/work").iterdir() if path.is_dir())
    assert (scratch / "checkpoint").exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_another_process_reports_is_not_said_again(folder, capsys):
    def work(run: Run) -> None:
        raise ElsewhereError

    assert main(STAGE, work, None, argv()) == 2
    assert capsys.readouterr().err == ""


def test_keys_name_everything_that_can_be_read():
    stage = Stage("report", (FIGURES, Input("bank", "heads")), "words", gate="everything")
    assert stage.keys("small") == {"profile", "report", "profiles.small.report", "gate", "folds"}


def test_a_stage_run_as_a_command_exits_with_its_status(folder):
    command = [sys.executable, "-m", "components.alignment", "--params", "nowhere.yaml"]
    command += ["--data", "data", "--segmenter", "data", "--out", "out", "--work", "work"]
    result = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
                            text=True, check=False)  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("alignment: nowhere.yaml: cannot be read")
    assert result.stderr.count("\n") == 1
