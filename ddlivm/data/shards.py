"""A folder of many small files as a few tar files: object stores are slow by the file, not by the byte."""

import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import TypeAdapter, ValidationError

from ddlivm.errors import InputError
from ddlivm.files import read_json, replacing, sha256, write_json

INDEX = "shards.json"
SHARD_BYTES = 128 * 2**20
"""A shard is closed once it holds as much; a larger file has one of its own."""
BLOCK = 2**20


@dataclass(frozen=True)
class Member:
    """A file of the folder: its path there, its size, its sha256, and the shard that holds it."""

    path: str
    size: int
    sha256: str
    shard: str


def pack(folder: Path, out: Path, shard_bytes: int = SHARD_BYTES) -> None:
    """Write a folder as `shards.json` and `shard-<number>.tar`; equal files give equal bytes.

    Args:
        folder: what to pack.
        out: the folder to make; one that is there is replaced.
        shard_bytes: when a shard is closed.

    Raises:
        InputError: `folder` holds no files, or `out` cannot be written.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not paths:
        raise InputError(f"{folder}: has no files to pack; give the data set's folder")
    with replacing(out) as target:
        target.mkdir()
        members: list[Member] = []
        for number, some in enumerate(_batches(paths, shard_bytes)):
            shard = f"shard-{number:05d}.tar"
            with tarfile.open(target / shard, "w", format=tarfile.PAX_FORMAT) as tar:
                for path in some:
                    name = path.relative_to(folder).as_posix()
                    header = tarfile.TarInfo(name)  # no owner, no time: they are not content
                    header.size = path.stat().st_size
                    with path.open("rb") as file:
                        tar.addfile(header, file)
                    members.append(Member(name, header.size, sha256(path), shard))
        write_json(target / INDEX, [asdict(member) for member in members])


def unpacked(folder: Path, target: Path) -> Path:
    """Return a folder whose files lie as they are: `folder`, or `target` with what is packed in it.

    Args:
        folder: any folder; only one that `pack` wrote is unpacked.
        target: where to; one that is there is complete and taken as it is.

    Raises:
        InputError: the index or a shard is damaged, or holds what it must not.
    """
    if not (folder / INDEX).is_file():
        return folder
    if not target.is_dir():
        unpack(folder, target)
    return target


def unpack(shards: Path, target: Path) -> None:
    """Write the folder that was packed, checked file by file; `target` is complete or absent.

    What the index lists is all that is read: a shard can neither place a file outside of `target` nor fill the disk
    with more than the index says.

    Args:
        shards: a folder that `pack` wrote.
        target: the folder to make; one that is there is replaced.

    Raises:
        InputError: the index or a shard is damaged, or holds what it must not.
    """
    members = _read_index(shards / INDEX)
    with replacing(target) as folder:
        folder.mkdir()
        for shard in sorted({member.shard for member in members}):
            _unpack_shard(shards / shard, {member.path: member for member in members if member.shard == shard}, folder)


def _batches(paths: list[Path], shard_bytes: int) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in paths:
        if batch and size + path.stat().st_size > shard_bytes:
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += path.stat().st_size
    yield batch


def _read_index(path: Path) -> list[Member]:
    try:
        members = TypeAdapter(list[Member]).validate_python(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; pack the data again") from error
    for member in members:
        inside = PurePosixPath(member.path)
        if inside.is_absolute() or ".." in inside.parts or not inside.parts or "\\" in member.path:
            raise InputError(f"{path}: {member.path!r} leads out of the folder; do not use this data")
        if PurePosixPath(member.shard).name != member.shard or member.size < 0:
            raise InputError(f"{path}: {member.path!r} is in no shard of this folder; do not use this data")
    if len({member.path for member in members}) != len(members):
        raise InputError(f"{path}: lists a file twice; pack the data again")
    return members


def _unpack_shard(shard: Path, members: dict[str, Member], folder: Path) -> None:
    left = dict(members)
    try:
        with tarfile.open(shard, "r:") as tar:  # never compressed: a small shard cannot become a large file
            for header in tar:
                member = left.pop(header.name, None)
                if member is None:
                    raise InputError(f"{shard}: holds {header.name!r}, which the index does not list there")
                content = tar.extractfile(header) if header.isreg() else None
                if content is None or header.size != member.size:
                    raise InputError(f"{shard}: {header.name!r} is no file of {member.size} bytes; fetch it again")
                _write(content, folder / member.path)
                if sha256(folder / member.path) != member.sha256:
                    raise InputError(f"{shard}: {header.name!r} differs from the index (sha256); fetch it again")
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{shard}: cannot be read as a tar file ({error}); fetch it again") from error
    if left:
        raise InputError(f"{shard}: lacks {min(left)!r}; fetch it again")


def _write(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        while block := content.read(BLOCK):
            file.write(block)
