"""How things look in visible light: one painter a style, each changing a canvas in place."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.scene import Look

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
Rng = np.random.Generator


def paint(canvas: Image, look: Look, grid: Grid) -> None:
    """Paint one look onto a (h, w, 3) RGB canvas."""
    points = grid.pixels(look.polygon)
    margin = 8
    x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - margin, 0)
    x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + margin, canvas.shape[1::-1])
    if x1 <= x0 or y1 <= y0:
        return
    part = canvas[y0:y1, x0:x1]
    PAINTERS[look.style](part, points - (x0, y0), grid.density, np.random.default_rng(look.seed))


def _mask(part: Image, points: npt.NDArray[np.float64], soft: float) -> Mask:
    """Fill a polygon, antialiased, with an edge of `soft` pixels."""
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    blurred = cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0 else mask
    return np.asarray(blurred, np.float32) / np.float32(255)


def _blend(part: Image, colour: npt.ArrayLike, alpha: Mask) -> None:
    mixed = part + (np.asarray(colour, np.float32) - part) * alpha[..., None]
    part[:] = np.clip(mixed, 0, 255).astype(np.uint8)


def _noise(part: Image, rng: Rng, period: int) -> Mask:
    shape = (max(part.shape[0] // period, 1) + 1, max(part.shape[1] // period, 1) + 1)
    coarse = rng.standard_normal(shape).astype(np.float32)
    return np.asarray(cv2.resize(coarse, part.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _leaves(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    clumps = _noise(part, rng, max(int(0.05 * density), 2))
    alpha = _mask(part, points, 1.0) * np.clip(1.6 + clumps, 0, 1)
    shade = np.stack([70 + 26 * clumps, 108 + 30 * clumps, 44 + 18 * clumps], axis=2)
    _blend(part, shade, alpha)


def _stain(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    colour = (232, 230, 222) if rng.random() < 0.7 else (118, 96, 72)
    _blend(part, colour, _mask(part, points, 0.6) * float(rng.uniform(0.75, 0.95)))


def _film(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    grain = np.clip(0.8 + 0.3 * _noise(part, rng, 4), 0, 1)
    _blend(part, (178, 158, 124), _mask(part, points, 2.5) * grain * float(rng.uniform(0.6, 0.85)))


def _cracks(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (150, 158, 172), _mask(part, points, 3.0) * 0.4)
    centre = points.mean(axis=0)
    shade = np.zeros(part.shape[:2], np.uint8)
    for point in points:
        middle = (centre + point) / 2 + rng.normal(0, 0.12, 2) * np.linalg.norm(point - centre)
        line = np.round(np.stack([centre, middle, point]) * 16).astype(np.int32)
        cv2.polylines(shade, [line], False, 255, 1, cv2.LINE_AA, 4)
    ring = np.round((centre + 0.55 * (points - centre)) * 16).astype(np.int32)
    cv2.polylines(shade, [ring], True, 170, 1, cv2.LINE_AA, 4)
    _blend(part, (236, 240, 244), shade.astype(np.float32) / np.float32(255))


def _shadow(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (14, 16, 24), _mask(part, points, 1.5) * 0.62)


def _cabinet(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (168, 170, 166), _mask(part, points, 0.5))
    cv2.polylines(part, [np.round(points).astype(np.int32)], True, (96, 98, 96), 1, cv2.LINE_AA)


def _glare(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (255, 253, 246), np.clip(1.25 * _mask(part, points, 0.16 * density), 0, 1) * 0.94)


def _cable(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (34, 34, 36), _mask(part, points, 0.5) * 0.8)


def _combiner(part: Image, points: npt.NDArray[np.float64], density: float, rng: Rng) -> None:
    _blend(part, (196, 198, 196), _mask(part, points, 0.5))


PAINTERS: dict[str, Callable[[Image, npt.NDArray[np.float64], float, Rng], None]] = {
    "leaves": _leaves,
    "stain": _stain,
    "film": _film,
    "cracks": _cracks,
    "shadow": _shadow,
    "cabinet": _cabinet,
    "glare": _glare,
    "cable": _cable,
    "combiner": _combiner,
}
"""Styles; each painter gets the part of the canvas, the polygon in its pixels, pixels a metre, and a generator."""
