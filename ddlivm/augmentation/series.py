"""The diffused infrared series of a site: what Eq. 3 changes in each image, and from what it came."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ddlivm.augmentation.diffusion import Heating, Kernel
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

STEP = 0.01
"""Changes are stored as whole multiples of this many K or grey levels: finer than any camera resolves."""


@dataclass(frozen=True)
class Patch:
    """The diffusion of one group of touching hotspots under one σ.

    Attributes:
        box: (x0, y0, x1, y1) raw infrared pixels, whole numbers.
        diffusivity: σ.
        annotations: the COCO ids of the hotspots' labels.
        changes: (iterations, y1 - y0, x1 - x0) int16, multiples of `STEP` that each iteration adds.
    """

    box: tuple[int, int, int, int]
    diffusivity: float
    annotations: tuple[int, ...]
    changes: npt.NDArray[np.int16]

    @classmethod
    def of(cls, heating: Heating, diffusivity: float, annotations: tuple[int, ...]) -> Self:
        """Quantise a heating."""
        limits = np.iinfo(np.int16)
        changes = np.clip(np.rint(heating.changes / STEP), limits.min, limits.max).astype(np.int16)
        return cls(heating.box, diffusivity, annotations, changes)


@dataclass(frozen=True)
class Series:
    """A site's diffused images, as the patches in which they differ from the originals.

    Attributes:
        site: the site's id.
        kernel: of Eq. 3.
        iterations: diffusion steps; each is one image of a series.
        pairs: pair name to its draws of σ, each with the patches of the image's hotspots.
    """

    site: str
    kernel: Kernel
    iterations: int
    pairs: dict[str, tuple[tuple[Patch, ...], ...]]

    def diffused(
        self, pair_name: str, values: npt.NDArray[np.float32], rng: np.random.Generator
    ) -> npt.NDArray[np.float32]:
        """Return the image after a random number of iterations under one of its σ.

        Args:
            pair_name: the pair's name.
            values: (H, W) float32, the raw infrared image that the series was made from; not changed.
            rng: draws σ's series and the iteration.

        Returns:
            A new image; `values` itself when the pair has no hotspots.
        """
        draws = self.pairs.get(pair_name, ())
        if not draws:
            return values
        draw, iteration = int(rng.integers(len(draws))), int(rng.integers(self.iterations))
        return self.image(pair_name, values, draw, iteration)

    def image(
        self, pair_name: str, values: npt.NDArray[np.float32], draw: int, iteration: int
    ) -> npt.NDArray[np.float32]:
        """Return one image of a series: the `draw`-th σ after `iteration` + 1 steps."""
        image = values.copy()
        for patch in self.pairs[pair_name][draw]:
            x0, y0, x1, y1 = patch.box
            image[y0:y1, x0:x1] += patch.changes[iteration] * np.float32(STEP)
        return image

    def save(self, folder: Path) -> None:
        """Write `series.json` and `series.safetensors`."""
        rows, changes, start = [], [np.zeros(0, dtype=np.int16)], 0
        for pair, draws in sorted(self.pairs.items()):
            for draw, patches in enumerate(draws):
                for patch in patches:
                    rows.append(
                        {
                            "pair": pair,
                            "draw": draw,
                            "diffusivity": patch.diffusivity,
                            "box": list(patch.box),
                            "annotations": list(patch.annotations),
                            "start": start,
                        }
                    )
                    changes.append(patch.changes.ravel())
                    start += patch.changes.size
        kernel = {
            "corner_weight": self.kernel.corner_weight,
            "edge_weight": self.kernel.edge_weight,
            "conservative": self.kernel.conservative,
        }
        content = {"site": self.site, "kernel": kernel, "iterations": self.iterations, "step": STEP, "patches": rows}
        write_json(folder / "series.json", content)
        save_file({"changes": np.concatenate(changes)}, folder / "series.safetensors")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: the folder is no augmentation output.
        """
        path = folder / "series.json"
        content = read_json(path)
        try:
            changes = load_file(folder / "series.safetensors")["changes"]
            iterations = int(content["iterations"])
            return cls(
                site=str(content["site"]),
                kernel=Kernel(**content["kernel"]),
                iterations=iterations,
                pairs=_group(
                    (row["pair"], row["draw"], _patch(row, changes, iterations)) for row in content["patches"]
                ),
            )
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is not the augmentation stage's output ({error!r}); run it again") from error


def _patch(row: dict[str, Any], changes: npt.NDArray[np.int16], iterations: int) -> Patch:
    x0, y0, x1, y1 = (int(value) for value in row["box"])
    shape = (iterations, y1 - y0, x1 - x0)
    start = int(row["start"])
    return Patch(
        box=(x0, y0, x1, y1),
        diffusivity=float(row["diffusivity"]),
        annotations=tuple(row["annotations"]),
        changes=changes[start : start + math.prod(shape)].reshape(shape),
    )


def _group(rows: Iterable[tuple[str, int, Patch]]) -> dict[str, tuple[tuple[Patch, ...], ...]]:
    grouped: dict[str, dict[int, list[Patch]]] = {}
    for pair, draw, patch in rows:
        grouped.setdefault(pair, {}).setdefault(draw, []).append(patch)
    return {pair: tuple(tuple(draws[index]) for index in sorted(draws)) for pair, draws in grouped.items()}
