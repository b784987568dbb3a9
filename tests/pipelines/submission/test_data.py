import json

import pytest
import yaml

from ddlivm.errors import InputError
from ddlivm.files import sha256
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


def test_publishing_puts_every_file_and_a_manifest(repository, tmp_path):
    found = data.find_revision("HEAD")
    address = data.publish(found, str(tmp_path / "store"))
    folder = tmp_path / "store/data" / found.md5
    assert address == str(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == {name: sha256(repository / "data" / name) for name in ("sites.yaml", "site1/pair.txt")}
    assert {name: sha256(folder / name) for name in manifest} == manifest


def test_what_was_published_whole_is_left_and_what_was_cut_off_is_filled(repository, tmp_path):
    found = data.find_revision("HEAD")
    folder = tmp_path / "store/data" / found.md5
    data.publish(found, str(tmp_path / "store"))
    (folder / "site1/pair.txt").unlink()
    data.publish(found, str(tmp_path / "store"))
    assert not (folder / "site1/pair.txt").exists()
    (folder / "manifest.json").unlink()
    data.publish(found, str(tmp_path / "store"))
    assert (folder / "site1/pair.txt").read_text() == "first"


def test_an_earlier_revision_is_fetched_by_dvc(repository, tmp_path):
    first = miniature.git(repository, "rev-parse", "HEAD").strip()
    (repository / "data/site1/pair.txt").write_text("second")
    miniature.dvc(repository, "add", "--quiet", "data")
    miniature.commit(repository)
    earlier = data.find_revision(first)
    assert not earlier.in_place
    assert earlier.md5 != data.find_revision("HEAD").md5
    folder = tmp_path / "store/data" / earlier.md5
    data.publish(earlier, str(tmp_path / "store"))
    assert (folder / "site1/pair.txt").read_text() == "first"


def test_a_store_that_refuses_is_one_line(repository):
    with pytest.raises(InputError, match=r"/proc/none: cannot be written \(.*\); check the address") as caught:
        data.publish(data.find_revision("HEAD"), "/proc/none")
    assert "\n" not in str(caught.value)
