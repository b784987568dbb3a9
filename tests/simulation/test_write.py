from pathlib import Path

import pytest

from ddlivm.data import DataSet, Transform
from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256
from ddlivm.simulation.write import write_data_set


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "data"
    assert list(write_data_set(out, sites=2, pairs=5, seed=3, workers=2)) == [1, 2, 3, 4, 5]
    return out


def test_the_number_of_workers_changes_no_byte(written: Path, tmp_path: Path) -> None:
    list(write_data_set(tmp_path / "alone", sites=2, pairs=5, seed=3, workers=1))
    assert digests(tmp_path / "alone") == digests(written)


def test_the_loader_reads_it(written: Path) -> None:
    data = DataSet.load(written)
    assert list(data.sites) == ["site1", "site2"]
    for site in data.sites.values():
        assert [pair.name for pair in site.pairs] == list(site.labels)
        infrared = site.pairs[0].read_infrared()
        # The first site's camera writes grey levels, the second's temperatures.
        assert infrared.radiometric == (site.id == "site2")
        assert -20 < float(infrared.values.mean()) < (80 if infrared.radiometric else 255)
        truth = read_json(site.folder / "truth.json")["pairs"][site.pairs[0].name]
        assert 1 < Transform(**truth).scale < 2


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        list(write_data_set(tmp_path, sites=1, pairs=1, seed=0, workers=1))
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_broken_run_leaves_nothing(tmp_path: Path) -> None:
    run = write_data_set(tmp_path / "data", sites=1, pairs=3, seed=0, workers=1)
    next(run)
    run.close()
    assert list(tmp_path.iterdir()) == []
