"""Which data a run names, and where a cluster finds it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ddlivm.data.revision import fetch
from ddlivm.data.shards import INDEX, pack
from ddlivm.errors import InputError
from ddlivm.files import sha256
from pipelines.git import git

POINTER = Path("data.dvc")
FOLDER = Path("data")
DVC = Path(sys.executable).parent / "dvc"


@dataclass(frozen=True)
class DataRevision:
    """A version of the data.

    Attributes:
        revision: the git commit, 40 hexadecimal digits.
        md5: DVC's, of the whole folder.
        in_place: whether `data/` holds it.
    """

    revision: str
    md5: str
    in_place: bool


def find_revision(name: str) -> DataRevision:
    """Return the data that a git revision names.

    Args:
        name: a commit, branch or tag.

    Raises:
        InputError: there is no such revision or it names no data; or it is the current one, and what lies here is not
            what git knows.
    """
    revision = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not revision:
        raise InputError(f"--data-rev {name}: is no commit, branch or tag of this repository")
    text = git("show", f"{revision}:{POINTER}")
    try:
        md5 = str(yaml.safe_load(text)["outs"][0]["md5"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"--data-rev {name}: has no {POINTER} that names data; run: dvc add {FOLDER}") from error
    current = revision == git("rev-parse", "HEAD")
    if current:
        _refuse_dirty(name)
    return DataRevision(revision, md5, current and FOLDER.is_dir())


def publish(data: DataRevision, store: str) -> str:
    """Put the data where a cluster's stages find it, unless it is there, and return its address.

    It goes up packed, its index last: a folder without one is an upload that was cut off, and is filled again. Stages
    unpack it and check every file.

    Args:
        data: which.
        store: the prefix of all inputs, such as `s3://bucket/ddlivm`.

    Raises:
        InputError: the store cannot be reached, or the data cannot be fetched.
    """
    address = f"{store}/data/{data.md5}"
    with _reachable(store) as files:
        if not files.exists(f"{address}/{INDEX}"):
            with _packed(data) as folder:
                for path in sorted(folder.iterdir(), key=lambda path: path.name == INDEX):
                    files.put_file(str(path), f"{address}/{path.name}")
    return address


def publish_params(params: Path, store: str) -> str:
    """Put params.yaml beside the data under the name of its content, and return its address.

    Raises:
        InputError: the store cannot be reached.
    """
    address = f"{store}/params/{sha256(params)[:16]}.yaml"
    with _reachable(store) as files:
        files.pipe_file(address, params.read_bytes())
    return address


def _refuse_dirty(name: str) -> None:
    if git("status", "--porcelain", "--", str(POINTER)):
        raise InputError(f"{POINTER}: differs from {name}; commit it, so that the run's data has a name")
    if FOLDER.exists() and subprocess.run([DVC, "status", "--quiet", POINTER], check=False).returncode != 0:
        raise InputError(f"{FOLDER}/: differs from {POINTER}; run: dvc add {FOLDER}, or: dvc checkout {POINTER}")


@contextmanager
def _packed(data: DataRevision) -> Iterator[Path]:
    """Yield a folder with the data packed: that of `data/`, or of a copy that DVC fetches."""
    with tempfile.TemporaryDirectory() as scratch:
        source, packed = FOLDER, Path(scratch) / "packed"
        if not data.in_place:
            source = Path(scratch) / FOLDER
            fetch(".", data.revision, source)
        pack(source, packed)
        yield packed


@contextmanager
def _reachable(store: str) -> Iterator[Any]:
    """Yield the store's file system; what goes wrong there is one line."""
    import fsspec

    folders = {} if "://" in store else {"auto_mkdir": True}  # only a disk has folders to make
    try:
        yield fsspec.url_to_fs(store, **folders)[0]
    except InputError:
        raise
    except Exception as error:  # each kind of store has its own exceptions
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{store}: cannot be written ({reason}); check the address and AWS_* variables") from error
