"""How an output came to be: a sidecar that nothing hashes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from ddlivm.files import read_json, write_json

PACKAGES = ("ddlivm", "torch", "torchvision", "mmdet", "timm", "numpy", "opencv-python-headless", "mlflow", "dvc")


class Clock:
    """Time and memory since its making.

    Attributes:
        started: when that was, seconds since 1970.
    """

    def __init__(self) -> None:
        self.started = round(time.time(), 2)
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time."""
        return round(time.monotonic() - self._start, 2)

    @property
    def peak_memory_bytes(self) -> int:
        """The largest resident size of this process or of one of its children."""
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return 1024 * max(resource.getrusage(kind).ru_maxrss for kind in kinds)


def facts(clock: Clock, argv: Sequence[str], key: str, cache_key: str) -> dict[str, Any]:
    """Return what is worth knowing of a run: code, versions, time, memory, and the arguments."""
    return {
        "argv": _shortened(argv),
        "cache_key": cache_key,
        "git": _revision(),
        "image": os.environ.get("DDLIVM_IMAGE"),  # a container's pipeline tells it
        "key": key,
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "peak_memory_bytes": clock.peak_memory_bytes,
        "python": sys.version.split()[0],
        "seconds": clock.seconds,
        "started": clock.started,
    }


def sidecar(output: Path) -> Path:
    """Return the path of an output's provenance."""
    return output.with_name(f"{output.name}.provenance.json")


def write_sidecar(output: Path, content: dict[str, Any]) -> None:
    """Write an output's provenance beside it."""
    write_json(sidecar(output), content)


def read_sidecar(output: Path) -> dict[str, Any]:
    """Read an output's provenance; empty if it has none."""
    path = sidecar(output)
    content: dict[str, Any] = read_json(path) if path.exists() else {}
    return content


def _shortened(argv: Sequence[str]) -> list[str]:
    """Leave out the executor input, which repeats what the other arguments say."""
    kept: list[str] = []
    for word in argv:
        kept.append("..." if kept and kept[-1] == "--executor-input" else word)
    return kept


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a light image carries a part of the lock
        return None


def _revision() -> str | None:
    if built_from := os.environ.get("DDLIVM_REVISION"):  # an image has no history, and says of which it is
        return built_from
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or installed without its history
        return None
