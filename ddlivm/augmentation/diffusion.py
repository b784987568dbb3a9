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

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

RING = 4
"""Width of the ring around a hotspot that its background is measured in, raw infrared pixels."""


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

    box: tuple[int, int, int, int]
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
    the hotspot dilated by `iterations`. Hotspots whose areas touch are diffused together.

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
    if not hotspots:
        return []
    union = np.logical_or.reduce(hotspots)
    reach = np.asarray(cv2.dilate(union.astype(np.uint8), np.ones((2 * iterations + 1,) * 2, np.uint8)), np.uint8)
    count, components, boxes, _ = cv2.connectedComponentsWithStats(reach, connectivity=8)
    labels = np.asarray(components, np.int32)
    members = [_component(labels, mask) for mask in hotspots]
    heatings = []
    for group in range(1, count):
        x0, y0, width, height = (int(value) for value in boxes[group, :4])
        window = np.s_[y0 : y0 + height, x0 : x0 + width]
        hot = union[window] & (labels[window] == group)
        level = _background(values, reach, (x0, y0, x0 + width, y0 + height))
        excess = np.where(hot, np.maximum(values[window] - level, 0), 0).astype(np.float32)
        changes = diffuse(excess, kernel, diffusivity, iterations) - excess
        heatings.append(
            Heating(
                box=(x0, y0, x0 + width, y0 + height),
                changes=_clip(changes, values[window], sensor_range),
                hotspots=tuple(index for index, member in enumerate(members) if member == group),
            )
        )
    return heatings


def background(values: Floats, box: tuple[int, int, int, int]) -> float:
    """Return the level around a hotspot: the median of the ring of `RING` pixels outside its box.

    Args:
        values: (H, W), any unit.
        box: (x0, y0, x1, y1) pixels, whole numbers, inside the image.
    """
    taken = np.zeros(values.shape, np.uint8)
    taken[box[1] : box[3], box[0] : box[2]] = 1
    return _background(values, taken, box)


def _background(values: Floats, taken: npt.NDArray[np.uint8], box: tuple[int, int, int, int]) -> float:
    """Median around `box` of the pixels that no hotspot takes; of the whole image's lower half where none is left."""
    ring = np.s_[max(box[1] - RING, 0) : box[3] + RING, max(box[0] - RING, 0) : box[2] + RING]
    free = values[ring][taken[ring] == 0]
    return float(np.median(free)) if free.size else float(np.percentile(values, 25))


def _component(labels: npt.NDArray[np.int32], mask: Mask) -> int:
    inside = labels[mask]
    return int(inside[0]) if inside.size else 0


def _clip(changes: Floats, values: Floats, sensor_range: tuple[float, float]) -> Floats:
    """Keep values + changes in the sensor's range; a value that is outside already stays."""
    low, high = (np.float32(bound) for bound in sensor_range)
    return np.clip(changes, np.minimum(low - values, 0), np.maximum(high - values, 0)).astype(np.float32)
