"""Many images of one shape in one file, of which no more is in memory than is being used."""

import os
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt


class Images(Protocol):
    """Many images of one shape, in memory or not."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them, as an array's."""

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a part."""


class ImageFile:
    """An array in a `.npy` file that is mapped anew for each use.

    Pages that stay mapped count as the process's memory, and after an epoch that is the whole file.

    Args:
        path: the file, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape: tuple[int, ...] = self._map("r").shape

    @classmethod
    def create(cls, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Self:
        """Make a file of zeros, over whatever is there; its room on the disk is taken at once.

        Raises:
            OSError: the disk is too full. Writing to a part that has no room would end the process without a word.
        """
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                path.unlink()
                raise OSError(error.errno, error.strerror, str(path)) from None
        return cls(path)

    @classmethod
    def opened(cls, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Self:
        """Take the file that is there, or make one of zeros."""
        return cls(path) if path.is_file() else cls.create(path, dtype, shape)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a part, as a copy."""
        return np.array(self._map("r")[index])

    def __setitem__(self, index: Any, values: npt.ArrayLike) -> None:
        """Write a part."""
        self._map("r+")[index] = values

    def flush(self) -> None:
        """Wait until the disk has everything."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def _map(self, mode: Any) -> npt.NDArray[Any]:
        mapped: npt.NDArray[Any] = np.load(self.path, mmap_mode=mode, allow_pickle=False)
        return mapped
