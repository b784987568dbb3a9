"""Data of a revision: fetched from where DVC keeps it, checked file by file, complete or absent."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ddlivm.data.shards import INDEX, unpack
from ddlivm.errors import InputError
from ddlivm.files import read_yaml, replacing, sidecar, write_json

PATH = "data"
SETTINGS = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "10", "DVC_NO_ANALYTICS": "1"}
"""A store that is restarted is waited for: nine more attempts, each after up to 20 seconds."""


def fetch(repository: str, revision: str, target: Path, path: str = PATH) -> str:
    """Write a data set as it is at a revision, and check it against the revision's own record.

    Args:
        repository: a Git repository whose data DVC tracks: a folder or an address.
        revision: a commit, a tag or a branch.
        target: the folder to make; one that is there is replaced.
        path: the data's place in the repository. Data that was packed in shards is unpacked.

    Returns:
        The md5 by which DVC knows the data at that revision.

    Raises:
        InputError: no such repository, revision or path; the store cannot be reached, refuses or has not all of it; or
            a file is not what the revision says. Nothing is left behind then.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pointer = Path(scratch) / "pointer.yaml"  # DVC takes no `.dvc` file for an output
        _get(repository, revision, f"{path}.dvc", pointer)
        recorded = _md5(pointer, f"{path}.dvc at {revision}")
    with replacing(target) as folder:
        fetched = folder.with_name(f"{folder.name}.fetched")
        try:
            _get(repository, revision, path, fetched)
            found = directory_md5(fetched)
            if found != recorded:
                raise InputError(
                    f"{path} at {revision}: what came has md5 {found}, recorded is {recorded}; push it again"
                )
            if (fetched / INDEX).is_file():
                unpack(fetched, folder)
            else:
                fetched.rename(folder)
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
    write_json(sidecar(target), {"data_md5": recorded, "revision": revision})
    return recorded


def directory_md5(folder: Path) -> str:
    """Return the md5 by which DVC knows a folder: that of the sorted list of its files' paths and md5s."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = sorted(
        ({"md5": _file_md5(path), "relpath": path.relative_to(folder).as_posix()} for path in files),
        key=lambda entry: tuple(entry["relpath"].split("/")),
    )
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _get(repository: str, revision: str, path: str, out: Path) -> None:
    dvc = Path(sys.executable).with_name("dvc")
    command = [str(dvc), "get", "--rev", revision, "--out", str(out), "--", repository, path]
    result = subprocess.run(
        command, env=SETTINGS | os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode != 0:
        raise InputError(f"{path} at {revision} of {repository}: cannot be fetched ({_reason(result.stdout)})")


def _reason(output: str) -> str:
    """Return what went wrong in one line: the first errors of what DVC printed, which the later ones follow from."""
    lines = [line.removeprefix("ERROR:").strip() for line in output.splitlines() if line.startswith("ERROR:")]
    return "; ".join(dict.fromkeys(lines[:2])) or (output.strip().splitlines() or ["dvc said nothing"])[-1]


def _md5(pointer: Path, name: str) -> str:
    try:
        return str(read_yaml(pointer)["outs"][0]["md5"])
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(f"{name}: names no md5; track the data with: dvc add") from error


def _file_md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
