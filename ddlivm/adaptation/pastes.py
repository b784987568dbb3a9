"""Paste source defects onto a background's healthy panels, with known boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.adaptation.backgrounds import Background
from ddlivm.adaptation.cutouts import Cutout
from ddlivm.augmentation.sample import Sample
from ddlivm.data import VISIBLE_RATIO, box_outlines, load_taxonomy
from ddlivm.parameters.adaptation import Pastes

TRIES = 30
"""Places that are looked at for one paste."""

STRETCH = 1.25
"""Largest change of a defect's aspect."""

ON_PANELS = 0.9
"""Share of a defect's shape that must lie on panels; what grows in front of a lower edge needs less."""

ON_EDGE = 0.4

SMALLEST = 4
"""Sides of the smallest defect that is pasted, working pixels: the finest level's stride."""


@dataclass(frozen=True)
class _Placed:
    heat: npt.NDArray[np.float32]
    cover: npt.NDArray[np.float32]
    look: npt.NDArray[np.uint8] | None


def paste(background: Background, cutouts: Sequence[Cutout], settings: Pastes, rng: np.random.Generator) -> Sample:
    """Return a background with source defects on its panels, types equally often.

    Args:
        background: The picture.
        cutouts: The source defects.
        settings: How many, how large, how hot.
        rng: Draws all of it.

    Returns:
        The working pair; its infrared values count from the picture's median.
    """
    infrared, visible = background.infrared.copy(), background.visible.copy()
    taken = np.zeros(background.panels.shape, dtype=bool)
    edges = _lower_edges(background.panels)
    by_kind: dict[int, list[Cutout]] = {}
    for cutout in cutouts:
        by_kind.setdefault(cutout.kind, []).append(cutout)
    kinds = sorted(by_kind)
    boxes, classes = background.known.boxes.tolist(), background.known.classes.tolist()
    for x0, y0, x1, y1 in background.known.boxes.astype(int):
        taken[y0 : y1 + 1, x0 : x1 + 1] = True
    for _ in range(int(rng.integers(settings.number[0], settings.number[1] + 1)) if kinds else 0):
        kind = kinds[int(rng.integers(len(kinds)))]
        cutout = by_kind[kind][int(rng.integers(len(by_kind[kind])))]
        placed = _shaped(cutout, background.angle, settings, rng)
        ys, xs = np.nonzero(placed.cover > 0.5)
        if not len(xs) or min(np.ptp(xs), np.ptp(ys)) + 1 < SMALLEST:
            continue
        hangs = load_taxonomy().types[kind].name == "grass_tree"
        corner = _place(placed.cover > 0.5, background.panels, taken, edges if hangs else None, rng)
        if corner is None:
            continue
        contrast = float(np.exp(rng.uniform(*np.log(settings.contrast)))) * background.deviation
        _add(infrared, taken, placed, corner, contrast, background.ceiling)
        if placed.look is not None:
            _show(visible, placed, corner, cutout.around)
        left, top = corner
        boxes.append([xs.min() + left, ys.min() + top, xs.max() + 1 + left, ys.max() + 1 + top])
        classes.append(kind)
    found = np.asarray(boxes, np.float32).reshape(-1, 4)
    return Sample(infrared, visible, found, np.asarray(classes, np.int64), box_outlines(found))


def _shaped(cutout: Cutout, angle: float, settings: Pastes, rng: np.random.Generator) -> _Placed:
    """Scale, mirror and turn a cut-out; what hangs from above or grows from below stays upright."""
    kind = load_taxonomy().types[cutout.kind]
    scale = float(np.exp(rng.uniform(*np.log(settings.scale))))
    stretch = float(np.exp(rng.uniform(-1, 1) * np.log(STRETCH)))
    upright = kind.name in ("grass_tree", "facility")
    turn = angle + (0.0 if upright else 90.0 * int(rng.integers(2)))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    flip = -1.0 if not upright and rng.random() < 0.5 else 1.0
    height, width = cutout.cover.shape
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([mirror * scale * stretch, flip * scale / stretch])
    extent = np.abs(linear) @ np.array([width, height])
    # Multiples of four: visible pastes begin and end at whole pixels too (7/4).
    size = (np.ceil(extent / 4).astype(int) + 1) * 4
    look = None
    if cutout.look is not None:
        ratio = VISIBLE_RATIO
        look = _warped(cutout.look, linear, (int(size[0] * ratio), int(size[1] * ratio)))
    smooth = scale < 1
    heat = cv2.GaussianBlur(cutout.heat, (0, 0), 0.4 / scale) if smooth else cutout.heat
    if kind.name == "grass_tree":
        heat = heat * _cells(heat.shape, rng)
    return _Placed(
        np.asarray(_warped(np.asarray(heat, np.float32), linear, tuple(size.tolist())), np.float32),
        np.asarray(_warped(cutout.cover, linear, tuple(size.tolist())), np.float32),
        None if look is None else np.asarray(look, np.uint8),
    )


def _cells(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return (h, w) factors that differ from cell to cell: leaves shade some cells of a row and spare others."""
    side = int(rng.integers(4, 9))
    coarse = rng.choice([0.15, 0.6, 1.0], size=(shape[0] // side + 1, shape[1] // side + 1)).astype(np.float32)
    return np.asarray(np.kron(coarse, np.ones((side, side), np.float32))[: shape[0], : shape[1]])


def _warped(image: npt.NDArray[Any], linear: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[Any]:
    middle = np.array(image.shape[1::-1]) / 2
    offset = np.array(size) / 2 - linear @ middle
    # From corner to pixel-centre coordinates.
    matrix = np.hstack([linear, (offset + linear @ [0.5, 0.5] - 0.5)[:, None]])
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)


def _lower_edges(panels: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the (n, 2) x, y of panels with no panel in the next few pixels below."""
    below = np.zeros_like(panels)
    for step in range(1, 7):
        below[:-step] |= panels[step:]
        below[-step:] = True  # the picture's border is not a row's edge
    return np.argwhere(panels & ~below)[:, ::-1]


def _place(
    shape: npt.NDArray[np.bool_],
    panels: npt.NDArray[np.bool_],
    taken: npt.NDArray[np.bool_],
    edges: npt.NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """Return a left upper corner, multiples of four, at which a shape lies on panels that nothing was pasted on."""
    height, width = shape.shape
    rows, columns = panels.shape[0] - height, panels.shape[1] - width
    if not shape.any() or min(rows, columns) < 0 or not panels.any() or (edges is not None and not len(edges)):
        return None
    needed = ON_PANELS if edges is None else ON_EDGE
    spots = np.argwhere(panels)[:, ::-1] if edges is None else edges
    ys, xs = np.nonzero(shape)
    bottom = int(ys.max()) + 1
    for _ in range(TRIES):
        x, y = spots[int(rng.integers(len(spots)))]
        left = int(x) - width // 2
        top = int(y) - height // 2 if edges is None else int(y) + int(rng.integers(-1, 5)) - bottom
        left, top = 4 * round(left / 4), (4 * round(top / 4))
        if not (0 <= left <= columns and 0 <= top <= rows):
            continue
        if taken[top + ys, left + xs].any():
            continue
        if panels[top + ys, left + xs].mean() >= needed:
            return left, top
    return None


def _add(
    infrared: npt.NDArray[np.float32],
    taken: npt.NDArray[np.bool_],
    placed: _Placed,
    corner: tuple[int, int],
    contrast: float,
    ceiling: float,
) -> None:
    """Add the heat in place, and note where nothing more is to be pasted."""
    (left, top), (height, width) = corner, placed.cover.shape
    part = infrared[top : top + height, left : left + width]
    part += placed.heat * placed.cover * np.float32(contrast)
    np.minimum(part, ceiling, out=part)
    near = cv2.dilate((placed.cover > 0.1).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    taken[top : top + height, left : left + width] |= near


def _show(
    visible: npt.NDArray[np.uint8], placed: _Placed, corner: tuple[int, int], around: npt.NDArray[np.float32]
) -> None:
    """Blend the visible appearance in place, in this picture's light."""
    assert placed.look is not None
    left, top = (int(side * VISIBLE_RATIO) for side in corner)
    height, width = placed.look.shape[:2]
    part = visible[top : top + height, left : left + width]
    cover = cv2.resize(placed.cover, (width, height))[..., None]
    light = np.clip(part.reshape(-1, 3).mean(axis=0) / np.maximum(around, 1.0), 0.5, 2.0)
    part[:] = np.clip(part * (1 - cover) + placed.look * light * cover, 0, 255).astype(np.uint8)
