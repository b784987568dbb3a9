"""Seeded noise that looks like ground, leaves and sensors; tiles are made once a process and cut."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.plants import Terrain
from ddlivm.simulation.scene import Look

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]

TILE = 2048
"""Side of a tile, pixels."""

_PALETTE: dict[Terrain, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    # main ground, its second tone, and the patches in it
    "grass": ((112, 120, 72), (140, 132, 90), (170, 162, 146)),
    "soil": ((128, 112, 88), (150, 134, 104), (96, 108, 64)),
    "sand": ((196, 174, 140), (212, 194, 162), (172, 150, 118)),
    "rooftop": ((166, 166, 164), (150, 150, 150), (120, 120, 122)),
}


def octaves(rng: np.random.Generator, side: int, periods: tuple[int, ...]) -> Field:
    """Return (side, side) wrapping noise of zero mean and unit deviation, each period (pixels) equally strong."""
    total = np.zeros((side, side), np.float32)
    for period in periods:
        count = max(side // period, 1)
        coarse = rng.standard_normal((count, count)).astype(np.float32)
        padded = np.pad(coarse, 2, mode="wrap")
        factor = side // count
        grown = cv2.resize(padded, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        total += np.asarray(grown[2 * factor : 2 * factor + side, 2 * factor : 2 * factor + side], np.float32)
    return (total - total.mean()) / (total.std() + 1e-6)


@lru_cache(maxsize=4)
def ground_tiles(terrain: Terrain, seed: int) -> tuple[Image, Field]:
    """Return a terrain's visible tile (TILE, TILE, 3) RGB and its thermal tile (TILE / 2, TILE / 2), K around zero.

    Both show the same patches: bare gravel is bright and warm, moist grass dark and cool.
    """
    rng = np.random.default_rng([seed, 11])
    main, second, patch = (np.array(colour, np.float32) for colour in _PALETTE[terrain])
    half = TILE // 2
    broad = octaves(rng, half, (256, 128))
    middle = octaves(rng, half, (32, 16))
    fine = octaves(rng, half, (8, 4, 2))
    patches = np.clip((broad - 1.5) * 3, 0, 1)
    rough = {"grass": 1.0, "soil": 0.7, "sand": 0.35, "rooftop": 0.3}[terrain]
    # Grass is even and cool; single tufts and stones stand out, what casts a shadow cools; gravel lies bare and warm.
    tufts = np.clip(fine * (1 + 0.5 * middle) - 1.3, 0, None)
    thermal = rough * (0.3 * middle + 0.75 * fine + 1.1 * tufts) + 0.25 * broad * rough + patches * (4.5 + 1.6 * fine)
    blend = np.clip(0.5 + 0.25 * middle + 0.13 * broad, 0, 1)[..., None]
    colour = main * (1 - blend) + second * blend
    colour = colour * (1 - patches[..., None]) + (patch + 14 * fine[..., None]) * patches[..., None]
    grown = cv2.resize(colour, (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    grain = octaves(rng, TILE, (4, 2)) + 0.8 * rng.standard_normal((TILE, TILE)).astype(np.float32)
    visible = grown + ((6.5 + 22.0 * rough) * grain)[..., None] * np.array([1.0, 1.0, 0.8], np.float32)
    return np.clip(visible, 0, 255).astype(np.uint8), thermal.astype(np.float32)


@lru_cache(maxsize=2)
def noise_tile(seed: int) -> npt.NDArray[np.float32]:
    """Return (TILE, TILE) white noise of unit deviation."""
    return np.random.default_rng([seed, 13]).standard_normal((TILE, TILE)).astype(np.float32)


@dataclass(frozen=True)
class Ground:
    """The same stretch of ground as both cameras' canvases want it.

    Attributes:
        visible: (h, w, 3) uint8 RGB.
        thermal: (h', w') float32, K around the ground's temperature.
    """

    visible: Image
    thermal: Field


def cover(ground: Ground, mark: Look, visible: Grid, thermal: Grid) -> None:
    """Cover a part of the ground in both canvases, in place, with a tree or with gravel.

    Args:
        ground: what lies there.
        mark: of style `tree` or `gravel`.
        visible: the grid of the visible canvas.
        thermal: the grid of the thermal canvas.
    """
    rng = np.random.default_rng(mark.seed)
    tone, kelvin, period = float(rng.uniform(0.75, 1.2)), float(rng.uniform(1.0, 6.0)), int(rng.integers(1, 5))
    for canvas, grid in ((ground.visible, visible), (ground.thermal, thermal)):
        points = grid.pixels(mark.polygon)
        x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - 4, 0)
        x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 4, canvas.shape[1::-1])
        if x1 <= x0 or y1 <= y0:
            continue
        part = canvas[y0:y1, x0:x1]
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round((points - (x0, y0)) * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
        soft = cv2.GaussianBlur(mask, (0, 0), (0.2 if mark.style == "gravel" else 0.05) * grid.density)
        share = np.asarray(soft, np.float32) / np.float32(255)
        grain = _grain(part.shape[:2], period, rng)
        if part.ndim == 2:
            warm = kelvin + 2.0 * grain if mark.style == "gravel" else 0.25 * kelvin - 3.5 + 1.3 * grain
            part += (warm - part) * share
        else:
            clumps = _grain(part.shape[:2], max(int(0.35 * grid.density), 2), rng)
            if mark.style == "gravel":
                colour = np.array([186, 178, 168], np.float32) * tone + 26 * grain[..., None]
            else:
                colour = (
                    np.array([58, 80, 40], np.float32) * tone * (1 + 0.45 * clumps[..., None]) + 22 * grain[..., None]
                )
            part[:] = np.clip(part + (colour - part) * share[..., None], 0, 255).astype(np.uint8)


def _grain(shape: tuple[int, int], period: int, rng: np.random.Generator) -> Field:
    """Return noise of unit deviation whose grains are `period` pixels wide."""
    coarse = rng.standard_normal((shape[0] // period + 2, shape[1] // period + 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def cut_ground(
    terrain: Terrain, seed: int, visible: tuple[int, int], thermal: tuple[int, int], rng: np.random.Generator
) -> Ground:
    """Cut a random place out of a terrain's tiles.

    Args:
        terrain: which ground.
        seed: of the site.
        visible: (h, w) of the visible canvas, at most `TILE` each.
        thermal: (h', w') of the thermal canvas over the same stretch.
        rng: of the place.
    """
    colour, warmth = ground_tiles(terrain, seed)
    height, width = (min(side, TILE) for side in visible)
    top, left = (2 * int(rng.integers((TILE - side) // 2 + 1)) for side in (height, width))
    flips = tuple(slice(None, None, int(step)) for step in rng.choice((-1, 1), 2))
    seen = colour[flips][top : top + height, left : left + width]
    felt = warmth[flips][top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
    if (height, width) != visible:
        seen = np.asarray(cv2.resize(seen, visible[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    grown = cv2.resize(np.ascontiguousarray(felt), thermal[::-1], interpolation=cv2.INTER_LINEAR)
    return Ground(np.array(seen, order="C"), np.asarray(grown, np.float32))
