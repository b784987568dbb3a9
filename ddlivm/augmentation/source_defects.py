"""The bank of source defects: each label's contour statistics and its cut-out of the infrared image (3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ddlivm.augmentation.series import STEP
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json


@dataclass(frozen=True)
class SourceDefect:
    """One labelled defect.

    Attributes:
        site: its site's id.
        pair: its pair's name.
        annotation: its COCO id.
        kind: its class index.
        box: (x0, y0, x1, y1) raw infrared pixels, whole numbers.
        area_share: S/(WH) of its contour.
        perimeter_share: C/(2W+2H) of its contour.
        excess: (H, W) float32, what it is above its surroundings: K where radiometric, else grey levels.
        mask: (H, W) bool, its contour.
        image_width: raw infrared pixels.
        radiometric: whether `excess` is in K.
        spread: the image's 1st to 99th percentile, in the unit of `excess`; relates images of different units.
    """

    site: str
    pair: str
    annotation: int
    kind: int
    box: tuple[int, int, int, int]
    area_share: float
    perimeter_share: float
    excess: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    image_width: int
    radiometric: bool
    spread: float


@dataclass(frozen=True)
class SourceDefects:
    """The source defects of one site or of several, in the order of sites, pairs and labels."""

    defects: tuple[SourceDefect, ...]

    def __len__(self) -> int:
        return len(self.defects)

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """(n,) class indices."""
        return np.array([defect.kind for defect in self.defects], dtype=np.int64)

    @property
    def statistics(self) -> npt.NDArray[np.float64]:
        """(n, 2) S/(WH) and C/(2W+2H)."""
        shares = [(defect.area_share, defect.perimeter_share) for defect in self.defects]
        return np.array(shares, dtype=np.float64).reshape(-1, 2)

    def save(self, folder: Path) -> None:
        """Write `defects.json` and `defects.safetensors`; cut-outs as whole multiples of `STEP`."""
        rows, start = [], 0
        for defect in self.defects:
            row = {name: value for name, value in vars(defect).items() if name not in ("excess", "mask")}
            rows.append(row | {"box": list(defect.box), "start": start})
            start += defect.mask.size
        limits = np.iinfo(np.int16)
        excess = np.concatenate([np.zeros(0, np.float32), *(defect.excess.ravel() for defect in self.defects)])
        mask = np.concatenate([np.zeros(0, bool), *(defect.mask.ravel() for defect in self.defects)])
        write_json(folder / "defects.json", {"step": STEP, "defects": rows})
        save_file(
            {
                "excess": np.clip(np.rint(excess / STEP), limits.min, limits.max).astype(np.int16),
                "mask": mask.astype(np.uint8),
            },
            folder / "defects.safetensors",
        )

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Self:
        """Read what `save` wrote, for one site's folder or several.

        Raises:
            InputError: a folder is no augmentation output.
        """
        return cls(tuple(defect for folder in folders for defect in _load(folder)))


def _load(folder: Path) -> list[SourceDefect]:
    path = folder / "defects.json"
    rows = read_json(path)
    try:
        tensors = load_file(folder / "defects.safetensors")
        return [_parse(row, tensors) for row in rows["defects"]]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not the augmentation stage's output ({error!r}); run it again") from error


def _parse(row: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> SourceDefect:
    x0, y0, x1, y1 = (int(value) for value in row["box"])
    part = slice(int(row["start"]), int(row["start"]) + (x1 - x0) * (y1 - y0))
    shape = (y1 - y0, x1 - x0)
    return SourceDefect(
        **{name: value for name, value in row.items() if name not in ("start", "box")},
        box=(x0, y0, x1, y1),
        excess=tensors["excess"][part].astype(np.float32).reshape(shape) * np.float32(STEP),
        mask=tensors["mask"][part].astype(bool).reshape(shape),
    )
