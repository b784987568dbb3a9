"""How an output came to be and what it cost: a sidecar that nothing hashes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ddlivm.files import read_json, read_yaml, sidecar, write_json

Facts = dict[str, Any]
"""What a sidecar says."""
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


@dataclass(frozen=True)
class Cost:
    """What a stage's run took.

    Attributes:
        seconds: wall time.
        peak_memory_bytes: the largest resident size of the process or of one of its children.
        gpu_seconds: wall time times the GPUs that the run held, used or not: what is paid for.
        peak_gpu_memory_bytes: the most that was allocated on one GPU.
        bytes_in: of all files that it was given.
        bytes_out: of all files that it wrote.
    """

    seconds: float
    peak_memory_bytes: int
    gpu_seconds: float
    peak_gpu_memory_bytes: int
    bytes_in: int
    bytes_out: int


def cost(clock: Clock, inputs: Iterable[Path], output: Path) -> Cost:
    """Return what a run took whose output is complete."""
    gpus, allocated = _gpus()
    seconds = clock.seconds
    return Cost(seconds, clock.peak_memory_bytes, round(seconds * gpus, 2), allocated, _size(inputs), _size([output]))


def facts(
    argv: Sequence[str], key: str, cache_key: str, spent: Cost, started: float, told: Mapping[str, Sequence[Facts]]
) -> Facts:
    """Return what is worth knowing of a run: code, versions, arguments, cost, and what it was made of.

    Args:
        argv: the command line.
        key: a digest of the inputs, the parameters and the code.
        cache_key: names data and images on a cluster.
        spent: what it took.
        started: when, seconds since 1970.
        told: what is known of each input, by its name.
    """
    return {
        "argv": _shortened(argv),
        "cache_key": cache_key,
        "data_md5": data_md5(told),
        "git": revision(),
        "image": image(),
        "key": key,
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "parents": parents(told),
        "python": sys.version.split()[0],
        "started": started,
        **asdict(spent),
    }


def facts_of(path: Path) -> Facts:
    """Return what is known of an input: its sidecar, or the md5 by which DVC tracks it."""
    if path.is_dir() and path.with_name(f"{path.name}.dvc").is_file():
        return {"data_md5": _tracked(path.with_name(f"{path.name}.dvc"))}
    return read_sidecar(path)


def parents(told: Mapping[str, Sequence[Facts]]) -> list[Facts]:
    """Return a run's inputs, briefly, in a fixed order."""
    kept = ("data_md5", "git", "image", "key")
    return [
        {"input": name} | {key: one[key] for key in kept if one.get(key)}
        for name, entries in sorted(told.items())
        for one in entries
    ]


def data_md5(told: Mapping[str, Sequence[Facts]]) -> str | None:
    """Return the md5 of the data that all inputs go back to; several, joined, where they do not agree."""
    found = {str(one["data_md5"]) for entries in told.values() for one in entries if one.get("data_md5")}
    return " + ".join(sorted(found)) or None


def write_sidecar(output: Path, content: dict[str, Any]) -> None:
    """Write an output's provenance beside it."""
    write_json(sidecar(output), content)


def read_sidecar(output: Path) -> dict[str, Any]:
    """Read an output's provenance; empty if it has none."""
    path = sidecar(output)
    content: dict[str, Any] = read_json(path) if path.exists() else {}
    return content


def _tracked(path: Path) -> str | None:
    content = read_yaml(path)
    try:
        return str(content["outs"][0]["md5"])
    except (KeyError, IndexError, TypeError):  # tracked by another hash than md5, or no file of DVC's
        return None


def _size(paths: Iterable[Path]) -> int:
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return sum(file.stat().st_size for file in files if file.is_file())


def _gpus() -> tuple[int, int]:
    """Return how many GPUs this process sees and the most that it held on one; none unless torch was needed."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0, 0
    count = int(torch.cuda.device_count())
    return count, max(int(torch.cuda.max_memory_allocated(index)) for index in range(count))


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


def image() -> str | None:
    """Return the container's image and digest, which the pipeline tells it; None outside a container."""
    return os.environ.get("DDLIVM_IMAGE")


def revision() -> str | None:
    """Return the git revision of the code, with `-dirty` where files were changed; None without git."""
    if built_from := os.environ.get("DDLIVM_REVISION"):  # an image has no history, and says of which it is
        return built_from
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or installed without its history
        return None
