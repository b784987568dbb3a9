"""Files that are either complete or absent, and their digests."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ddlivm.errors import InputError

MEASURED = "measured.json"
"""A stage leaves a JSON object here, in its scratch: what it measured with a clock, which no output may hold."""

SIDECAR = ".provenance.json"
"""What an output's name is followed by in the name of the file that says where the output comes from."""


def sidecar(output: Path) -> Path:
    """Return the path of what is known of an output: how it came to be and what it cost."""
    return output.with_name(f"{output.name}{SIDECAR}")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `target`; on success it becomes `target`, on failure it vanishes.

    The caller creates a file or a directory at the yielded path. A directory that is already at `target` is replaced.

    Raises:
        InputError: `target`'s folder cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        probe = temporary.with_suffix(".probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}); give a folder that is writable") from error
    try:
        yield temporary
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid JSON ({error})") from error


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file with sorted keys, atomically: the same value gives the same bytes."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: the file is missing or is no YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from error


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
