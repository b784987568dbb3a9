"""Labelled tiles of the source plants that travel with a model: what its adaptation pastes, and must not forget."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ddlivm.augmentation.sample import Sample
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

NAME = "source_tiles"


@dataclass(frozen=True)
class SourceTiles:
    """Tiles of one size.

    Attributes:
        samples: The tiles; their infrared values count from their image's median, K or grey levels.
        spans: For each tile the values that `InfraredRange` makes a step of 1.
    """

    samples: tuple[Sample, ...]
    spans: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def save(self, folder: Path) -> None:
        """Write `source_tiles.safetensors` and `source_tiles.json`; infrared values as float16.

        Raises:
            ValueError: There is no tile.
        """
        rows = [
            {
                "span": span,
                "boxes": sample.boxes.tolist(),
                "classes": sample.classes.tolist(),
                "outlines": [points.tolist() for points in sample.outlines],
            }
            for sample, span in zip(self.samples, self.spans, strict=True)
        ]
        infrared = np.stack([sample.infrared for sample in self.samples]).astype(np.float16)
        visible = np.stack([sample.visible for sample in self.samples])
        save_file({"infrared": infrared, "visible": visible}, folder / f"{NAME}.safetensors")
        write_json(folder / f"{NAME}.json", {"tiles": rows})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: A file is missing or damaged.
        """
        path = folder / f"{NAME}.json"
        rows = read_json(path)
        try:
            tensors = load_file(folder / f"{NAME}.safetensors")
            samples = tuple(
                _sample(row, infrared, visible)
                for row, infrared, visible in zip(rows["tiles"], tensors["infrared"], tensors["visible"], strict=True)
            )
            return cls(samples, tuple(float(row["span"]) for row in rows["tiles"]))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: does not describe a model's source tiles ({error!r}); train it again") from error


def _sample(row: dict[str, Any], infrared: npt.NDArray[np.float16], visible: npt.NDArray[np.uint8]) -> Sample:
    outlines: Sequence[Any] = row["outlines"]
    return Sample(
        infrared.astype(np.float32),
        visible,
        np.asarray(row["boxes"], dtype=np.float32).reshape(-1, 4),
        np.asarray(row["classes"], dtype=np.int64),
        tuple(np.asarray(points, dtype=np.float32) for points in outlines),
    )
