"""Heat diffusion of hotspots: Eq. 3 of Section 3.3.

The printed kernel's weights sum to 4 η₁ + 4 η₂ - 1 = +1: it is a diffusion (centre -4(η₁ + η₂)) plus a growth at rate
σ, so a constant field grows by (1 + σ) a step. On absolute temperatures that would boil the panel; it is therefore
applied to the hotspot's excess over its surroundings, where growth is what more irradiance does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.contours import PixelBox

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

RING = 4
"""Width of the ring around a hotspot that its background is measured in, raw infrared pixels."""

CHANNELS = 128
"""How many fields OpenCV filters at once."""


@dataclass(frozen=True)
class Kernel:
    """The 3x3 kernel of Eq. 3.

    Attributes:
        corner_weight: η₁.
        edge_weight: η₂.
        conservative: let the weights sum to zero, instead of the printed centre of -1.
    """

    corner_weight: float = 0.1
    edge_weight: float = 0.4
    conservative: bool = False

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """The (3, 3) weights."""
        corner, edge = self.corner_weight, self.edge_weight
        centre = -4 * (corner + edge) if self.conservative else -1.0
        return np.array([[corner, edge, corner], [edge, centre, edge], [corner, edge, corner]])


@dataclass(frozen=True)
class Heating:
    """What diffusion changes in one image, around one hotspot or several that touch.

    Attributes:
        box: (x0, y0, x1, y1) raw infrared pixels, whole numbers.
        changes: (iterations, y1 - y0, x1 - x0) float32, what each iteration adds to the values there.
        hotspots: the indices of the hotspots that this is of.
    """

    box: PixelBox
    changes: Floats
    hotspots: tuple[int, ...]


def diffuse(excess: Floats, kernel: Kernel, diffusivity: float, iterations: int) -> Floats:
    """Run ∂T/∂t = σ ∇²T in explicit unit steps, with no flow over the borders.

    Args:
        excess: (h, w) or (h, w, n) for n fields at once; any unit.
        kernel: ∇².
        diffusivity: σ.
        iterations: how many steps.

    Returns:
        (iterations, *excess.shape), the field after each step.
    """
    if excess.ndim == 3 and excess.shape[2] > CHANNELS:
        parts = [excess[..., start : start + CHANNELS] for start in range(0, excess.shape[2], CHANNELS)]
        return np.concatenate([diffuse(part, kernel, diffusivity, iterations) for part in parts], axis=-1)
    step = diffusivity * kernel.weights
    step[1, 1] += 1
    series = np.empty((iterations, *excess.shape), dtype=np.float32)
    field = np.ascontiguousarray(excess, dtype=np.float32)
    for index in range(iterations):
        # A destination of its own makes OpenCV write where the result is kept. Replicating the border mirrors the
        # field at it, which for a symmetric kernel lets nothing through.
        cv2.filter2D(field, cv2.CV_32F, step, dst=series[index], borderType=cv2.BORDER_REPLICATE)
        field = series[index]
    return series


def heat_hotspots(
    values: Floats,
    hotspots: Sequence[Mask],
    kernel: Kernel,
    diffusivity: float,
    iterations: int,
    sensor_range: tuple[float, float],
) -> list[Heating]:
    """Diffuse the hotspots of an infrared image.

    Each hotspot's excess over its background flows into the area around it, one pixel an iteration, so the area is
    the hotspot dilated by `iterations`. Hotspots whose areas' boxes touch are diffused together.

    Args:
        values: (H, W) float32, °C or grey levels.
        hotspots: masks, each (H, W).
        kernel: ∇² of Eq. 3.
        diffusivity: σ.
        iterations: how many steps.
        sensor_range: the lowest and highest value that the camera gives, in the unit of `values`.

    Returns:
        A heating for each group of touching hotspots; none for empty masks.
    """
    rows = [index for index, mask in enumerate(hotspots) if mask.any()]
    if not rows:
        return []
    union = np.logical_or.reduce(hotspots)
    heatings = []
    for box, members in _groups([_reach(hotspots[index], iterations) for index in rows]):
        window = np.s_[box[1] : box[3], box[0] : box[2]]
        level = _background(values, union, box)
        excess = np.where(union[window], np.maximum(values[window] - level, 0), 0).astype(np.float32)
        changes = diffuse(excess, kernel, diffusivity, iterations) - excess
        heatings.append(
            Heating(box, _clip(changes, values[window], sensor_range), tuple(rows[member] for member in members))
        )
    return heatings


def background(values: Floats, box: PixelBox) -> float:
    """Return the level around a hotspot: the upper quartile of the ring of `RING` pixels outside its box.

    Not the median: at a panel's edge half of the ring is ground, mostly colder, and a level between the two would make
    all of the panel in the box look hot.

    Args:
        values: (H, W), any unit.
        box: (x0, y0, x1, y1) pixels, whole numbers, inside the image.
    """
    return _background(values, np.zeros(values.shape, dtype=bool), box)


def _background(values: Floats, hot: Mask, box: PixelBox) -> float:
    """Upper quartile of what is not hot in the ring around `box`; the image's lower one where nothing is left."""
    x0, y0, x1, y1 = box
    top, left = max(y0 - RING, 0), max(x0 - RING, 0)
    free = ~hot[top : y1 + RING, left : x1 + RING]
    free[y0 - top : y1 - top, x0 - left : x1 - left] = False
    ring = values[top : y1 + RING, left : x1 + RING][free]
    return float(np.percentile(ring, 75)) if ring.size else float(np.percentile(values, 25))


def _reach(mask: Mask, iterations: int) -> PixelBox:
    """Return the box that a hotspot's heat stays in: one pixel more on each side an iteration."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return (
        max(x - iterations, 0),
        max(y - iterations, 0),
        min(x + width + iterations, mask.shape[1]),
        min(y + height + iterations, mask.shape[0]),
    )


def _groups(boxes: Sequence[PixelBox]) -> list[tuple[PixelBox, tuple[int, ...]]]:
    """Join boxes that overlap or touch, until none do; return each group's box and members."""
    groups: list[tuple[PixelBox, tuple[int, ...]]] = []
    for index, box in enumerate(boxes):
        members: tuple[int, ...] = (index,)
        while touching := [group for group in groups if _touch(group[0], box)]:
            groups = [group for group in groups if group not in touching]
            for other, others in touching:  # the box grows, and may touch a group that it did not touch before
                box = _around(box, other)
                members += others
        groups.append((box, tuple(sorted(members))))
    return groups


def _around(first: PixelBox, second: PixelBox) -> PixelBox:
    x0, y0, x1, y1 = first
    return min(x0, second[0]), min(y0, second[1]), max(x1, second[2]), max(y1, second[3])


def _touch(first: PixelBox, second: PixelBox) -> bool:
    return all(first[axis] <= second[axis + 2] and second[axis] <= first[axis + 2] for axis in (0, 1))


def _clip(changes: Floats, values: Floats, sensor_range: tuple[float, float]) -> Floats:
    """Keep values + changes in the sensor's range; a value that is outside already stays."""
    low, high = (np.float32(bound) for bound in sensor_range)
    return np.clip(changes, np.minimum(low - values, 0), np.maximum(high - values, 0)).astype(np.float32)
