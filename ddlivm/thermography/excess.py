"""How much hotter each place of a panel is than a healthy one would be there."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.thermography.modules import CELL, NOISE, WIDTH, Field, Mask, Modules, find_modules, smooth
from ddlivm.thermography.robust import Floats, deviation, group_quantiles, weighted_medians

NEIGHBOURHOOD = 100
"""Standard deviation of the weight of a module's neighbours, pixels of a 640-pixel-wide image: two or three modules."""

LEVEL = 0.35
"""Quantile of its pixels that stands for a module: up to two thirds of it may be hot. The median is restored below."""

HOT, COLD = 3.5, 4.0
"""Deviations of healthy modules beyond which one is no reference: hot, or not a lit panel at all."""

LEAST_KELVIN, LEAST_GREY = 0.05, 1.0
"""Deviations that no image goes below: what uncooled cameras resolve, and a grey level, to which values are rounded."""

UNEVEN_SHARE, UNEVEN_HEIGHT, UNEVEN_PARTS = 0.1, 6.0, 3
"""Share of a module's pixels, the deviations that they stand out by, and in how many parts, from which it is a
patchwork: such a module is short-circuited or degraded, and warm throughout. One hot part leaves the rest healthy."""

LIMIT = 3.0
"""Deviations of healthy pixels beyond which a pixel does not take part in its module's slope."""


@dataclass(frozen=True)
class Excess:
    """A picture against its healthy reference.

    Attributes:
        values: (H, W) float32 excess over the healthy reference, in `unit`; 0 beside the modules.
        unit: `K` for radiometric images, else `deviations` of healthy panel pixels.
        deviation: One deviation of healthy panel pixels in the image's own unit, K or grey levels.
        within: (H, W) float32 excess over the module's own healthy level, evened out, in deviations.
        above: (n,) each module's level above its neighbours', in deviations of healthy panel pixels.
        uneven: (n,) bool, the modules that are a patchwork of hot and other cells.
        module_deviation: One deviation of healthy modules' levels, in deviations of healthy panel pixels.
        panels: (H, W) bool, what was looked at: the modules, without surfaces too cold to be lit panels.
        modules: The modules.
    """

    values: Field
    unit: str
    deviation: float
    within: Field
    above: Floats
    uneven: Mask
    module_deviation: float
    panels: Mask
    modules: Modules


def excess(values: Field, panels: npt.NDArray[np.floating] | Mask, radiometric: bool) -> Excess:
    """Compare each module with itself and with its neighbours.

    The healthy reference of a place is its module's own level, and what modules around have in common at that place of
    theirs: a cool border, a warm junction box, the lens's shading. A module that is much hotter than those around it,
    or a patchwork that is hotter at all, is no reference for itself; its neighbours' level stands in.

    Args:
        values: (H, W) float32, °C where radiometric, else grey levels; it is not changed.
        panels: (h, w) probability or mask of the panels over the same picture, at any size.
        radiometric: Whether the values are temperatures.
    """
    height, width = values.shape
    shown = cv2.resize(panels.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    modules = find_modules(values, shown)
    unit, least = ("K", LEAST_KELVIN) if radiometric else ("deviations", LEAST_GREY)
    if not len(modules):
        nothing = np.zeros_like(values)
        return Excess(nothing, unit, least, nothing, np.zeros(0), np.zeros(0, bool), 1.0, shown, modules)
    surface = modules.labels > 0
    even = smooth(values, surface, NOISE * width / WIDTH)
    levels = group_quantiles(even[modules.inner], modules.labels[modules.inner] - 1, len(modules), LEVEL)
    levels = np.where(np.isnan(levels), np.nanmedian(levels), levels)
    weights = _neighbours(modules, NEIGHBOURHOOD * width / WIDTH)
    around, healthy, spread = _healthy_levels(levels, modules.areas, weights, least)
    known = np.concatenate([[False], healthy])[modules.labels] & modules.inner
    own = modules.spread(levels)
    own += _pattern(even - own, modules, weights * healthy)
    own += _slopes(even - own, modules, known)
    own += np.float32(np.median((even - own)[known]))
    pixel = max(deviation((even - own)[known]), least)
    above = levels - around
    within = (even - own) / np.float32(pixel)
    uneven = _uneven(within, modules)
    hotter = above > np.where(uneven, 0, HOT * spread)
    reference = own - modules.spread(np.where(hotter, above, 0))
    scale = 1.0 if radiometric else pixel
    lit = surface & np.concatenate([[False], above > -COLD * spread])[modules.labels]
    return Excess(
        values=np.where(lit, (values - reference) / scale, 0).astype(np.float32),
        unit=unit,
        deviation=pixel,
        within=np.where(lit, within, 0).astype(np.float32),
        above=above / pixel,
        uneven=uneven,
        module_deviation=spread / pixel,
        panels=lit,
        modules=modules,
    )


def _neighbours(modules: Modules, reach: float) -> Floats:
    """Return the (n, n) weight of each module as a reference for each: its area, falling with the distance."""
    offsets = modules.centres[:, None] - modules.centres[None]
    # The weight never quite ends: a module all of whose neighbours are hot is compared with what is further away.
    near = np.exp(-np.minimum((offsets**2).sum(axis=2) / (2 * reach * reach), 60))
    np.fill_diagonal(near, 1e-9)  # its own word counts where there is no other
    return np.asarray(near * modules.areas[None])


def _healthy_levels(levels: Floats, areas: Floats, weights: Floats, least: float) -> tuple[Floats, Mask, float]:
    """Return the level of the healthy modules around each, which are healthy, and one deviation of theirs.

    The first round compares with the whole picture: a string of hot modules is found before its modules can vouch for
    one another.
    """
    healthy = np.ones(len(levels), dtype=bool)
    for round_weights in (np.broadcast_to(areas, weights.shape), weights, weights, weights):
        around = weighted_medians(levels, round_weights * healthy)
        spread = max(deviation((levels - around)[healthy]), least)
        healthy = (levels - around < HOT * spread) & (levels - around > -COLD * spread)
    return around, healthy, spread


def _pattern(values: Field, modules: Modules, weights: Floats) -> Field:
    """Return what modules around have in common, (H, W) float32: medians by place in the module's box, cell by cell."""
    sides = np.median(modules.boxes[:, 2:] - modules.boxes[:, :2], axis=0) / (CELL * values.shape[1] / WIDTH)
    columns, rows = (max(2, round(float(side))) for side in sides)
    y, x = np.nonzero(modules.labels)
    index = modules.labels[y, x] - 1
    x0, y0, x1, y1 = modules.boxes[index].T
    along, down = (x - x0 + 0.5) / (x1 - x0) * columns, (y - y0 + 0.5) / (y1 - y0) * rows
    cell = (index * rows + down.astype(np.int64)) * columns + along.astype(np.int64)
    middles = group_quantiles(values[y, x], cell, len(modules) * rows * columns, 0.5).reshape(len(modules), -1)
    known = ~np.isnan(middles)
    middles = np.nan_to_num(middles)
    common = [weighted_medians(middles[:, k], weights * known[:, k] + 1e-12) for k in range(rows * columns)]
    pattern = np.stack(common, axis=1).reshape(-1, rows, columns)
    along, down = np.clip(along - 0.5, 0, columns - 1.001), np.clip(down - 0.5, 0, rows - 1.001)
    left, upper = along.astype(np.int64), down.astype(np.int64)
    to_right, to_lower = along - left, down - upper
    at_top = pattern[index, upper, left] * (1 - to_right) + pattern[index, upper, left + 1] * to_right
    at_bottom = pattern[index, upper + 1, left] * (1 - to_right) + pattern[index, upper + 1, left + 1] * to_right
    answer = np.zeros_like(values)
    answer[y, x] = at_top * (1 - to_lower) + at_bottom * to_lower
    return answer


def _uneven(within: Field, modules: Modules) -> Mask:
    """Return which modules are a patchwork of hot and other cells, (n,)."""
    high = (within > UNEVEN_HEIGHT) & (modules.labels > 0)
    pixels = np.bincount(modules.labels[high], minlength=len(modules) + 1)[1:]
    count, labels = cv2.connectedComponents(high.astype(np.uint8), connectivity=8)
    owners = np.zeros(count, np.int64)
    owners[np.asarray(labels)[high]] = modules.labels[high]
    parts = np.bincount(owners[1:], minlength=len(modules) + 1)[1:]
    return np.asarray((pixels > UNEVEN_SHARE * modules.areas) & (parts >= UNEVEN_PARTS))


def _slopes(values: Field, modules: Modules, known: Mask) -> Field:
    """Return each module's own slope, (H, W) float32, fitted to what is near its level: a cooled end is no defect."""
    y, x = np.nonzero(modules.labels)
    index = modules.labels[y, x] - 1
    size = np.sqrt(modules.areas[index])
    x_, y_ = (x - modules.centres[index, 0]) / size, (y - modules.centres[index, 1]) / size
    own = values[y, x] - np.median(values[known])
    basis = (x_, y_, np.ones(len(x)))
    slope = np.zeros(len(x))
    for limit in (LIMIT * _spreads(own, index, len(modules))[index], LIMIT * deviation(values[known])):
        near = np.abs(own - slope) < limit
        terms = [np.where(near, term, 0) for term in basis]
        normal = np.array([[np.bincount(index, a * b) for b in terms] for a in terms]).transpose(2, 0, 1)
        target = np.array([np.bincount(index, a * own) for a in terms]).T[..., None]
        # A few pixels tell no slope: the ridge holds it at none.
        solved = np.linalg.solve(normal + 5 * np.eye(3), target)[..., 0]
        slope = solved[index, 0] * x_ + solved[index, 1] * y_
    answer = np.zeros_like(values)
    answer[y, x] = slope
    return answer


def _spreads(values: npt.NDArray[np.floating], groups: npt.NDArray[np.integer], count: int) -> Floats:
    """Return the robust standard deviation of each group's values, (count,)."""
    off = np.abs(values - group_quantiles(values, groups, count, 0.5)[groups])
    return 1.4826 * group_quantiles(off, groups, count, 0.5)
