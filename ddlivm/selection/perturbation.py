"""Perturb an infrared image: beside each detection, the source defect of its type that is least like it (3.3)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.contours import ContourFinder
from ddlivm.augmentation.source_defects import SourceDefect, SourceDefects
from ddlivm.data import AlignedPair, Detections, load_taxonomy
from ddlivm.selection.paste import Spot, paste

REFERENCE_WIDTH = 640
"""The image width, pixels, that the paper's 50x50 window belongs to."""

GRID = 2
"""Boxes are widened to multiples of this many working pixels, so that heads which agree share a perturbed image."""

Target = tuple[int, int, int, int, int]
"""A detection to perturb: its class, then its box on the grid, xyxy working pixels."""

CutOut = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
"""(h, w) excess over the surroundings, and (h, w) mask of what of it is pasted."""


@dataclass(frozen=True)
class FarthestDefects:
    """Finds the source defect that is least like a detection, by hotspot shape.

    Attributes:
        bank: the source sites' defects.
    """

    bank: SourceDefects

    @cached_property
    def _statistics(self) -> npt.NDArray[np.float64]:
        return self.bank.statistics

    @cached_property
    def _candidates(self) -> dict[int, tuple[npt.NDArray[np.int64], str]]:
        """Of each class, the bank's rows to choose from, and what they are: its type, its shape group, or any."""
        classes = self.bank.classes
        shapes = np.array(load_taxonomy().shape_of_class)
        chosen = {}
        for kind in range(len(shapes)):
            pools = (("type", classes == kind), ("shape", shapes[classes] == shapes[kind]), ("any", classes >= 0))
            chosen[kind] = next(
                ((np.flatnonzero(pool), name) for name, pool in pools if pool.any()), (np.zeros(0, np.int64), "none")
            )
        return chosen

    def distances(self, statistics: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the HSTD distance of each defect of the bank: |S/(WH) - S'/(W'H')| + |C/(2W+2H) - C'/(2W'+2H')|.

        Args:
            statistics: S/(WH) and C/(2W+2H) of the detection.

        Returns:
            (n,).
        """
        return np.asarray(np.abs(self._statistics - np.asarray(statistics, dtype=np.float64)).sum(axis=1))

    def find(self, kind: int, statistics: npt.ArrayLike) -> SourceDefect | None:
        """Return the farthest defect of a class, the first of equals.

        Where the bank has none of the class, of its shape group; where it has none of that either, of all. None only
        for an empty bank.
        """
        rows, _ = self._candidates[kind]
        if not len(rows):
            return None
        return self.bank.defects[int(rows[np.argmax(self.distances(statistics)[rows])])]

    def substitute(self, kind: int) -> str:
        """Return what stands in for a class: `type` for itself, `shape` for its shape group, `any` or `none`."""
        return self._candidates[kind][1]


@dataclass(frozen=True)
class Perturbation:
    """Perturbs images; the same detections on the same pair always give the same image.

    Attributes:
        farthest: the source defects.
        finder: finds the detections' contours.
        window: side of the neighbourhood, raw infrared pixels of a `REFERENCE_WIDTH` wide image.
        seed: of the places.
    """

    farthest: FarthestDefects
    finder: ContourFinder
    window: int
    seed: int

    def perturb(
        self, pair: AlignedPair, values: npt.NDArray[np.float32], wanted: Sequence[Sequence[Target]]
    ) -> npt.NDArray[np.float32]:
        """Return the working infrared image with one source defect beside each target, once for each list of targets.

        A target that several lists share is looked at once: one contour, one source defect.

        Args:
            pair: the pair.
            values: (h, w) float32, its working infrared image; not changed.
            wanted: lists of what `targets_of` made of the detections.

        Returns:
            (len(wanted), h, w) float32.
        """
        pasted = self._cut_outs(pair, values, tuple(dict.fromkeys(target for targets in wanted for target in targets)))
        side = self.window * pair.raw_infrared.values.shape[1] / REFERENCE_WIDTH
        window = (side * pair.frame.factors[0], side * pair.frame.factors[1])
        images = np.repeat(values[None], len(wanted), axis=0)
        for image, targets in zip(images, wanted, strict=True):
            taken = _covered(targets, values.shape)
            for target in targets:
                if target in pasted:
                    rng = np.random.default_rng([self.seed, zlib.crc32(pair.pair.name.encode()), *target])
                    paste(image, *pasted[target], Spot(target[1:], window), taken, rng)
        return images

    def _cut_outs(
        self, pair: AlignedPair, values: npt.NDArray[np.float32], targets: Sequence[Target]
    ) -> dict[Target, CutOut]:
        """Return what is pasted beside each target, in working pixels and the image's unit; none from an empty bank."""
        boxes = np.array([target[1:] for target in targets], dtype=np.float32).reshape(-1, 4)
        per_width = np.array(pair.frame.factors) * pair.raw_infrared.values.shape[1]
        cut_outs = {}
        for target, contour in zip(targets, self.finder.find(values, boxes), strict=True):
            defect = self.farthest.find(target[0], (contour.area_share, contour.perimeter_share))
            if defect is not None:
                excess, mask = _resize(defect, per_width / defect.image_width)
                cut_outs[target] = (excess * np.float32(_unit(defect, pair)), mask)
        return cut_outs


def targets_of(detections: Detections, size: tuple[int, int]) -> tuple[Target, ...]:
    """Return the detections' classes and boxes on the grid, sorted and each once.

    Args:
        detections: in the working frame.
        size: (width, height) of the working infrared image.
    """
    low = np.floor(detections.boxes[:, :2] / GRID) * GRID
    high = np.ceil(detections.boxes[:, 2:] / GRID) * GRID
    boxes = np.concatenate([np.maximum(low, 0), np.minimum(high, size)], axis=1).astype(int)
    return tuple(
        sorted(
            {
                (int(kind), int(x0), int(y0), int(x1), int(y1))
                for kind, (x0, y0, x1, y1) in zip(detections.classes, boxes, strict=True)
                if x1 > x0 and y1 > y0
            }
        )
    )


def _covered(targets: Sequence[Target], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return which pixels of an image of (height, width) the targets cover."""
    covered = np.zeros(shape, dtype=bool)
    for _, x0, y0, x1, y1 in targets:
        covered[y0:y1, x0:x1] = True
    return covered


def _resize(
    defect: SourceDefect, factors: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Scale a cut-out from its raw pixels to working pixels, at least one."""
    height, width = defect.mask.shape
    size = (max(1, round(width * float(factors[0]))), max(1, round(height * float(factors[1]))))
    method = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
    excess = cv2.resize(defect.excess, size, interpolation=method)
    mask = cv2.resize(defect.mask.astype(np.float32), size, interpolation=method)
    return np.asarray(excess, dtype=np.float32), np.asarray(mask >= min(0.5, float(mask.max())))


def _unit(defect: SourceDefect, pair: AlignedPair) -> float:
    """Return the target's units in one of the defect's: 1 where they are the same, else from the images' spreads."""
    infrared = pair.raw_infrared
    if infrared.radiometric == defect.radiometric:
        return 1.0
    low, high = np.percentile(infrared.values, [1, 99])
    return float(high - low) / max(defect.spread, 1e-6)
