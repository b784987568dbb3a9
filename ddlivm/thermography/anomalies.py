"""Regions of panels that are hotter than their healthy reference, as boxes."""

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.taxonomy import SHAPES
from ddlivm.parameters.thermography import Thermography
from ddlivm.thermography.excess import Excess
from ddlivm.thermography.modules import CELL, FRAME, WIDTH, Field, Mask, odd

POINT = 3 * CELL
"""Longest side of a point: one cell or a pair, blurred."""

HALF = 0.5
"""Share of its peak down to which a region reaches: where a blurred edge has its place."""

SIZE_GAIN = 0.15
"""Power of a region's size, in cells, in its strength. Independent noise would give 0.5; sensor columns and JPEG blocks
make noise of several pixels, so that size says less."""

WHOLE = 0.5
"""Share of a module's box from which a region is the module, not a part of it."""


@dataclass(frozen=True)
class Anomalies:
    """Anomalies of one picture, strongest first.

    Attributes:
        boxes: (n, 4) float32 xyxy raw infrared pixels.
        sizes: (n,) int64, how many pixels belong to each.
        peaks: (n,) float32, the highest excess of each, in `unit`.
        means: (n,) float32, the mean excess of each, in `unit`.
        strengths: (n,) float32, how sure each is, deviations of healthy panels.
        shapes: (n,) int64 indices into the taxonomy's `SHAPES`.
        unit: `K`, or `deviations` of healthy panel pixels where the image is not radiometric.
    """

    boxes: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.int64]
    peaks: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    strengths: npt.NDArray[np.float32]
    shapes: npt.NDArray[np.int64]
    unit: str

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Self:
        """Select by a mask, a slice or an index array."""
        return type(self)(
            self.boxes[index],
            self.sizes[index],
            self.peaks[index],
            self.means[index],
            self.strengths[index],
            self.shapes[index],
            self.unit,
        )

    @property
    def shape_names(self) -> tuple[str, ...]:
        """The shape group of each."""
        return tuple(SHAPES[int(shape)] for shape in self.shapes)

    @classmethod
    def of(cls, regions: "list[Region]", unit: str) -> Self:
        """Build from regions in any order."""
        ordered = sorted(regions, key=lambda region: (-region.strength, region.box))
        return cls(
            np.array([region.box for region in ordered], dtype=np.float32).reshape(-1, 4),
            np.array([region.size for region in ordered], dtype=np.int64),
            np.array([region.peak for region in ordered], dtype=np.float32),
            np.array([region.mean for region in ordered], dtype=np.float32),
            np.array([region.strength for region in ordered], dtype=np.float32),
            np.array([SHAPES.index(region.shape) for region in ordered], dtype=np.int64),
            unit,
        )


@dataclass(frozen=True)
class Region:
    """One anomaly; the attributes are those of `Anomalies`."""

    box: tuple[int, int, int, int]
    size: int
    peak: float
    mean: float
    strength: float
    shape: str


def find_anomalies(found: Excess, parameters: Thermography) -> Anomalies:
    """Find the hot regions within modules, and the modules that are hot as a whole.

    Whole modules that are evenly hot and have nothing but a frame between them are one string, in which parts that
    stand out even more are reported too. A patchwork, or a hot module by itself, is reported once.
    """
    hot = found.above > parameters.module * found.module_deviation
    strings = _strings(found, hot & ~found.uneven)
    in_strings = np.isin(np.arange(len(hot)), np.concatenate([np.zeros(0, np.int64), *strings]))
    regions = [_modules(found, members, "region") for members in strings]
    regions += [_modules(found, np.array([index]), "bar") for index in np.flatnonzero(hot & ~in_strings)]
    reported = np.concatenate([[False], hot & ~in_strings])[found.modules.labels]
    regions += _parts(found, ~reported, parameters)
    if found.unit == "K":
        regions = [region for region in regions if region.peak >= parameters.minimum_kelvin]
    return Anomalies.of(regions, found.unit)


def _strings(found: Excess, hot: Mask) -> list[npt.NDArray[np.int64]]:
    """Return the modules, by index, of each group of two and more that lie side by side."""
    lit = np.concatenate([[False], hot])[found.modules.labels]
    kernel = np.ones((odd((FRAME + 2) * found.values.shape[1] / WIDTH),) * 2, np.uint8)
    joined = cv2.morphologyEx(lit.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    count, labels = cv2.connectedComponents(joined, connectivity=4)
    group = np.zeros(len(hot) + 1, np.int64)
    group[found.modules.labels[lit]] = np.asarray(labels)[lit]
    groups = [np.flatnonzero(group[1:] == label) for label in range(1, count)]
    return [members for members in groups if len(members) > 1]


def _modules(found: Excess, members: npt.NDArray[np.int64], shape: str) -> Region:
    pixels = np.isin(found.modules.labels, members + 1)
    return _region(found.values, pixels, float(found.above[members].max()), shape)


def _parts(found: Excess, where: Mask, parameters: Thermography) -> list[Region]:
    """Return the hot regions within modules."""
    unit = found.values.shape[1] / WIDTH
    hot = where & found.panels & (found.within > parameters.grow)
    count, pieces = cv2.connectedComponents(hot.astype(np.uint8), connectivity=8)
    piece = np.asarray(pieces, np.int32)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, piece[hot], found.within[hot])
    hot &= found.within > HALF * peaks[piece]
    kernel = np.ones((odd((CELL + 2) * unit),) * 2, np.uint8)
    # Fragments join within their module only: a frame is no panel.
    joined = (cv2.morphologyEx(hot.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0) & found.panels
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8), connectivity=8)
    scattered: dict[int, list[Mask]] = {}
    for label, (x, y, width, height, _) in enumerate(statistics[1:].tolist(), start=1):
        window = np.s_[y : y + height, x : x + width]
        pixels = hot[window] & (labels[window] == label)
        size = int(pixels.sum())
        if size < parameters.minimum_area * unit * unit:
            continue
        module = int(np.bincount(found.modules.labels[window][pixels]).argmax()) - 1
        strength = _strength(found, found.within[window][pixels], module)
        if strength >= parameters.strength:
            whole = np.zeros_like(hot)
            whole[window] = pixels
            scattered.setdefault(module, []).append(whole)
    return [
        _region(found.values, region, _strength(found, found.within[region], module), _shape(region, found, module))
        for module, parts in scattered.items()
        for region in _gathered(parts, found, module)
    ]


def _gathered(parts: list[Mask], found: Excess, module: int) -> list[Mask]:
    """Return a module's regions; parts that together span most of it are one, as a patchwork's are."""
    together = np.logical_or.reduce(parts)
    return [together] if len(parts) > 1 and _span(together, found, module) >= WHOLE else parts


def _span(pixels: Mask, found: Excess, module: int) -> float:
    """Return how much of a module's box the box of some pixels covers."""
    y, x = np.nonzero(pixels)
    x0, y0, x1, y1 = found.modules.boxes[module].tolist()
    return float(np.ptp(x) + 1) * float(np.ptp(y) + 1) / ((x1 - x0) * (y1 - y0))


def _strength(found: Excess, within: Field, module: int) -> float:
    """Return the strength of a region: the excess of its pixels over their module, (k,), is what it is made of."""
    cells = within.size / (CELL * found.values.shape[1] / WIDTH) ** 2
    return (float(within.mean()) + 0.5 * float(found.above[module])) * float(cells**SIZE_GAIN)


def _shape(pixels: Mask, found: Excess, module: int) -> str:
    y, x = np.nonzero(pixels)
    if max(np.ptp(x), np.ptp(y)) < POINT * pixels.shape[1] / WIDTH:
        return "point"
    return "bar" if _span(pixels, found, module) >= WHOLE else "strip"


def _region(values: Field, pixels: Mask, strength: float, shape: str) -> Region:
    y, x = np.nonzero(pixels)
    box = (int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1)
    return Region(box, len(x), float(values[pixels].max()), float(values[pixels].mean()), strength, shape)
