from pathlib import Path

import pytest
import yaml
from fsspec.implementations.local import LocalFileSystem

from ddlivm.data import shards
from ddlivm.errors import InputError
from pipelines.submission import data
from tests.pipelines import miniature


def test_a_revision_names_its_data(repository):
    found = data.find_revision("HEAD")
    assert found.md5 == yaml.safe_load((repository / "data.dvc").read_text())["outs"][0]["md5"]
    assert found.revision == miniature.git(repository, "rev-parse", "HEAD").strip()
    assert found.in_place


def test_an_unknown_revision_is_refused(repository):
    with pytest.raises(InputError, match="--data-rev v9: is no commit, branch or tag of this repository"):
        data.find_revision("v9")


def test_a_revision_without_data_is_refused(repository):
    miniature.git(repository, "rm", "--quiet", "data.dvc")
    miniature.git(repository, "commit", "--quiet", "--message", "no data")
    with pytest.raises(InputError, match=r"has no data.dvc that names data; run: dvc add data"):
        data.find_revision("HEAD")


def test_changed_data_is_refused(repository):
    (repository / "data/site1/pair.txt").write_text("other")
    with pytest.raises(InputError, match=r"data/: differs from data.dvc; run: dvc add data"):
        data.find_revision("HEAD")


def test_a_pointer_that_was_not_committed_is_refused(repository):
    (repository / "data/site1/pair.txt").write_text("other")
    miniature.dvc(repository, "add", "--quiet", "data")
    with pytest.raises(InputError, match=r"data.dvc: differs from HEAD; commit it"):
        data.find_revision("HEAD")


def published(address, tmp_path):
    """Return the published files' contents by their paths."""
    folder = tmp_path / "unpacked"
    shards.unpack(Path(address), folder)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_publishing_puts_every_file_packed(repository, tmp_path):
    found = data.find_revision("HEAD")
    address = data.publish(found, str(tmp_path / "store"))
    assert address == str(tmp_path / "store/data" / found.md5)
    assert published(address, tmp_path) == {"sites.yaml": "- id: site1\n", "site1/pair.txt": "first"}


def test_what_was_published_whole_is_left_and_what_was_cut_off_is_filled(repository, tmp_path):
    found = data.find_revision("HEAD")
    folder = Path(data.publish(found, str(tmp_path / "store")))
    (shard,) = folder.glob("*.tar")
    shard.write_bytes(b"half")
    data.publish(found, str(tmp_path / "store"))
    assert shard.read_bytes() == b"half"
    (folder / shards.INDEX).unlink()
    data.publish(found, str(tmp_path / "store"))
    assert published(folder, tmp_path)["site1/pair.txt"] == "first"


def test_the_index_goes_up_last(repository, tmp_path, monkeypatch):
    put, names = LocalFileSystem.put_file, []

    def note(self, path, target, **options):
        names.append(Path(target).name)
        put(self, path, target, **options)

    monkeypatch.setattr(LocalFileSystem, "put_file", note)
    data.publish(data.find_revision("HEAD"), str(tmp_path / "store"))
    assert names == ["shard-00000.tar", "shards.json"]


def test_an_earlier_revision_is_fetched_by_dvc(repository, tmp_path):
    first = miniature.git(repository, "rev-parse", "HEAD").strip()
    (repository / "data/site1/pair.txt").write_text("second")
    miniature.dvc(repository, "add", "--quiet", "data")
    miniature.commit(repository)
    earlier = data.find_revision(first)
    assert not earlier.in_place
    assert earlier.md5 != data.find_revision("HEAD").md5
    address = data.publish(earlier, str(tmp_path / "store"))
    assert published(address, tmp_path)["site1/pair.txt"] == "first"


def test_a_store_that_refuses_is_one_line(repository):
    with pytest.raises(InputError, match=r"/proc/none: cannot be written \(.*\); check the address") as caught:
        data.publish(data.find_revision("HEAD"), "/proc/none")
    assert "\n" not in str(caught.value)
