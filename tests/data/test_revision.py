import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ddlivm.data.revision import fetch
from ddlivm.data.shards import pack
from ddlivm.errors import InputError
from ddlivm.files import read_json
from tests.object_store import Line, endpoint, full_bucket, keys, new_bucket, s3_client

DVC = Path(sys.executable).with_name("dvc")
FILES = {"sites.yaml": b"[]\n", **{f"site1/infrared/{number:04d}.png": bytes([number]) * 1000 for number in range(5)}}


class Repository:
    """A Git repository whose `data` DVC keeps in a remote."""

    def __init__(self, folder: Path, remote: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.dvc("init", "--quiet")
        (folder / ".dvc" / "config").write_text(
            f"[core]\n  analytics = false\n  remote = store\n['remote \"store\"']\n  url = {remote}\n"
        )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(DVC), *arguments)

    def write(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (self.folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "data" / name).write_bytes(content)

    def commit(self, files: dict[str, bytes], tag: str) -> None:
        self.write(files)
        self.save("data", tag)

    def save(self, path: str, tag: str) -> None:
        assert self.dvc("add", "--quiet", path).returncode == 0
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", tag)
        self.run("git", "tag", tag)

    def push(self) -> None:
        result = self.dvc("push", "--quiet", "--all-tags")
        assert result.returncode == 0, result.stderr

    def forget(self) -> None:
        """Leave the data to the remote alone."""
        self.run("rm", "-rf", ".dvc/cache", "data")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def local(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", str(tmp_path / "remote"))


def test_a_revisions_data_is_fetched_whole_and_unpacked(local: Repository, tmp_path: Path):
    local.commit(FILES, "v1")
    local.write({"sites.yaml": b"[changed]\n"})
    pack(local.folder / "data", local.folder / "packed")
    local.save("packed", "v2")
    local.push()
    local.forget()
    target = tmp_path / "workspace" / "data"
    first = fetch(str(local.folder), "v1", target)
    assert contents(target) == FILES
    assert read_json(tmp_path / "workspace" / "data.provenance.json") == {"data_md5": first, "revision": "v1"}
    assert fetch(str(local.folder), "v2", target, "packed") != first
    assert contents(target) == FILES | {"sites.yaml": b"[changed]\n"}
    assert sorted(path.name for path in target.parent.iterdir()) == ["data", "data.provenance.json"]
    for revision, path, message in (
        ("v9", "data", "data.dvc at v9 of .*: cannot be fetched"),
        ("v1", "other", "other.dvc at v1 of .*: cannot be fetched"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            fetch(str(local.folder), revision, tmp_path / "none", path)
        assert "\n" not in str(caught.value)
    stored = next(path for path in (tmp_path / "remote").rglob("*") if path.is_file() and path.stat().st_size == 1000)
    stored.unlink()
    with pytest.raises(InputError, match=r"data at v1 of .*: cannot be fetched"):
        fetch(str(local.folder), "v1", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line(endpoint())
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.address)
    yield line
    line.close()


@pytest.fixture
def bucket() -> Iterator[str]:
    with new_bucket(endpoint()) as name:
        yield name


def test_push_and_fetch_on_a_real_server(bucket: str, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    repository = Repository(tmp_path / "repository", f"s3://{bucket}/ddlivm")
    repository.commit(FILES, "v1")
    repository.push()
    assert len(keys(s3_client(endpoint()), bucket)) == len(FILES) + 1
    repository.forget()
    target = tmp_path / "data"
    fetch(str(repository.folder), "v1", target)
    assert contents(target) == FILES

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(
        InputError, match=r"cannot be fetched \(.*(SignatureDoesNotMatch|Forbidden|403|denied)"
    ) as caught:
        fetch(str(repository.folder), "v1", tmp_path / "none")
    assert "\n" not in str(caught.value)
    assert contents(target) == FILES
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("named", "reason"), [(lambda: "ddlivm-test-nowhere", "bucket"), (full_bucket, "quota")], ids=["missing", "full"]
)
def test_a_bucket_that_is_missing_or_full_is_one_line(
    line: Line, tmp_path: Path, named: Callable[[], str], reason: str
):
    repository = Repository(tmp_path / "repository", f"s3://{named()}/ddlivm")
    repository.commit(FILES, "v1")
    pushed = repository.dvc("push")
    assert pushed.returncode != 0
    assert reason in pushed.stderr.lower()
    repository.forget()
    with pytest.raises(InputError, match="cannot be fetched") as caught:
        fetch(str(repository.folder), "v1", tmp_path / "none")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_a_server_that_stops_during_an_upload_is_waited_for(bucket: str, line: Line, tmp_path: Path):
    large = {"sites.yaml": b"[]\n", "site1/visible/0001.png": os.urandom(20_000_000)}
    repository = Repository(tmp_path / "repository", f"s3://{bucket}/ddlivm")
    repository.commit(large, "v1")
    line.cut_after(8_000_000, pause=2)
    pushed = repository.dvc("push", "--quiet")
    assert line.cuts == 1
    if pushed.returncode != 0:  # DVC gave up: what is there already is not sent again, and nothing half is there
        repository.push()
    repository.forget()
    fetch(str(repository.folder), "v1", tmp_path / "data")
    assert contents(tmp_path / "data") == large


def test_a_server_that_stops_for_good_leaves_nothing_half_there(
    bucket: str, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    repository = Repository(tmp_path / "repository", f"s3://{bucket}/ddlivm")
    repository.commit({"sites.yaml": b"[]\n", "site1/visible/0001.png": os.urandom(20_000_000)}, "v1")
    line.cut_after(8_000_000, pause=3600)
    assert repository.dvc("push", "--quiet").returncode != 0
    stored = keys(s3_client(endpoint()), bucket)
    assert not any(s3_client(endpoint()).head_object(Bucket=bucket, Key=key)["ContentLength"] > 100 for key in stored)
    with pytest.raises(InputError, match="cannot be fetched"):
        repository.forget()
        fetch(str(repository.folder), "v1", tmp_path / "none")
    assert not (tmp_path / "none").exists()
