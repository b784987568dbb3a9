"""One writer at a time, and scratch that is found again after a kill."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from ddlivm.files import sha256


@contextmanager
def sole_writer(lock: Path, output: Path) -> Iterator[bool]:
    """Hold a lock while writing; wait, saying for whom, while another living process holds it.

    A killed `dvc repro` can leave its stage's process alive, still writing the output that the next `dvc repro`
    wants. The kernel frees the lock when its owner dies, so a dead owner never blocks.

    Args:
        lock: the lock's file; it holds its owner's process id.
        output: what is written, for the message.

    Yields:
        Whether another process was waited for.

    Raises:
        InputError: the file system knows no locks.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="ascii") as file:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            file.seek(0)
            owner = file.read().strip() or "?"
            print(
                f"{output}: process {owner} is writing it; waiting for it to end (to stop it: kill {owner})",
                file=sys.stderr,
                flush=True,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise InputError(
                f"{lock}: this file system knows no locks ({error.strerror}); give another --work"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield waited


def remove_leftovers(output: Path) -> None:
    """Remove the temporary siblings that killed writers left; call it as the sole writer."""
    for leftover in output.parent.glob(f".{output.name}.*.partial"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


def fingerprint(arguments: dict[str, Any], inputs: Iterable[Path], code: Path) -> str:
    """Return a key of all that determines a stage's output: arguments, contents of the inputs, and the code.

    Args:
        arguments: anything that JSON can hold.
        inputs: files or folders; their contents count, where they lie does not.
        code: the package's folder; its `.py` and `.yaml` files count.
    """
    digest = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode())
    for path in inputs:
        digest.update(_tree(path, (file for file in path.rglob("*"))) if path.is_dir() else sha256(path).encode())
    sources = (file for file in code.rglob("*") if file.suffix in (".py", ".yaml"))
    digest.update(_tree(code, sources))
    return digest.hexdigest()[:16]


def _tree(folder: Path, files: Iterable[Path]) -> bytes:
    rows = [f"{file.relative_to(folder)} {sha256(file)}" for file in sorted(files) if file.is_file()]
    return "\n".join(rows).encode()
