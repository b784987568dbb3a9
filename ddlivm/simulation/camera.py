"""Two cameras on one drone: where a metre of ground lands in each image, and what the sensors do to it."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.transforms import Transform
from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.plants import Gain, Rig
from ddlivm.simulation.scene import LEVEL, Rect, Relief
from ddlivm.simulation.textures import TILE, noise_tile

Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32] | npt.NDArray[np.uint8]

INFRARED_SIZE = (640, 512)
VISIBLE_SIZE = (1280, 1024)
"""Raw (width, height), pixels."""


@dataclass(frozen=True)
class View:
    """One camera over one stretch of ground.

    Attributes:
        matrix: (2, 3), metres to undistorted pixels.
        size: (width, height), pixels.
        distortion: radial shift at a corner, share of the half diagonal.
        relief: of the ground.
    """

    matrix: Points
    size: tuple[int, int]
    distortion: float
    relief: Relief = LEVEL

    def project(self, points: npt.ArrayLike) -> Points:
        """Map (n, 2) metres to raw pixels."""
        ground = np.array(points, np.float64)
        ground[:, 1] += self.relief.rise(ground[:, 0], ground[:, 1])
        undistorted = ground @ self.matrix[:, :2].T + self.matrix[:, 2]
        centre, radius = _lens(self.size)
        shifted = undistorted - centre
        squared = (shifted**2).sum(axis=1, keepdims=True) / radius**2
        return np.asarray(centre + shifted * (1 + self.distortion * squared))

    def footprint(self) -> Rect:
        """Return the bounding rectangle of the seen ground, metres, with a small margin."""
        width, height = self.size
        corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
        ground = (corners - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T
        (x0, y0), (x1, y1) = ground.min(axis=0), ground.max(axis=0)
        margin = 0.6 + 1.5 * (self.relief.amplitude + abs(self.relief.spread) * max(abs(y0), abs(y1)))
        return float(x0 - 0.6), float(y0 - margin), float(x1 + 0.6), float(y1 + margin)

    def expose(self, canvas: Pixels, grid: Grid) -> Pixels:
        """Resample a canvas into raw pixels."""
        xs, ys = _undistorted_pixels(self.size, self.distortion)
        inverse = np.linalg.inv(self.matrix[:, :2])
        # Undistorted pixel -> metres -> level ground -> canvas; the canvas' pixel centres lie half a pixel in.
        shift = -inverse @ self.matrix[:, 2]
        x, y = (
            np.float32(row[0]) * xs + np.float32(row[1]) * ys + np.float32(by)
            for row, by in zip(inverse, shift, strict=True)
        )
        if self.relief.amplitude:
            seen_y = y
            for _ in range(2):  # slopes are gentle: the fixed point is reached at once
                y = seen_y - self.relief.rise(x, y)
        map_x, map_y = (
            (axis - np.float32(start)) * np.float32(grid.density) - np.float32(0.5)
            for axis, start in zip((x, y), grid.extent[:2], strict=True)
        )
        seen = cv2.remap(canvas, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.uint8) if canvas.dtype == np.uint8 else np.asarray(seen, np.float32)


def infrared_view(
    resolution: float, heading: float, centre: tuple[float, float], distortion: float, relief: Relief = LEVEL
) -> View:
    """Look straight down at `centre`, metres: `resolution` metres a pixel, the rows turned by `heading` degrees."""
    angle = np.deg2rad(heading)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / resolution
    shift = np.array(INFRARED_SIZE) / 2 - turn @ np.array(centre)
    return View(np.column_stack([turn, shift]), INFRARED_SIZE, distortion, relief)


def visible_view(infrared: View, transform: Transform, distortion: float) -> View:
    """Return the visible camera's view: the infrared one through the exact transform."""
    matrix = transform.matrix
    linear = matrix[:, :2] @ infrared.matrix[:, :2]
    shift = matrix[:, :2] @ infrared.matrix[:, 2] + matrix[:, 2]
    return View(np.column_stack([linear, shift]), VISIBLE_SIZE, distortion, infrared.relief)


def rig_transform(rig: Rig, jitter: npt.NDArray[np.float64]) -> Transform:
    """Return the pair's exact transform: the rig's, and a jitter of the offset in visible pixels."""
    turned = Transform(rig.scale, 0.0, 0.0, rig.rotation)
    centre = turned.to_visible([np.array(INFRARED_SIZE) / 2])[0]
    offset = np.array(VISIBLE_SIZE) / 2 + np.array(rig.offset) + jitter - centre
    return Transform(rig.scale, float(offset[0]), float(offset[1]), rig.rotation)


def sense_infrared(
    image: npt.NDArray[np.float32], rig: Rig, seed: int, rng: np.random.Generator
) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint8]:
    """Blur, vignette and add the microbolometer's noise to °C.

    Returns:
        Hundredths of a kelvin, or what the camera's automatic gain makes of the temperatures.
    """
    celsius = np.asarray(cv2.GaussianBlur(image, (0, 0), rig.infrared_blur), np.float32)
    celsius -= np.float32(0.9 * rng.random()) * _vignette(INFRARED_SIZE)
    height, width = celsius.shape
    pattern = np.random.default_rng([seed, 23]).standard_normal((1, width)).astype(np.float32)
    celsius += np.float32(0.4 * rig.netd) * pattern
    celsius += np.float32(rig.netd) * _noise(height, width, seed, rng)
    if rig.gain != "radiometric":
        return automatic_gain(celsius, rig.gain, rng)
    return np.asarray(np.clip(np.round((celsius + np.float32(273.15)) * 100), 0, 65535), np.uint16)


def automatic_gain(celsius: npt.NDArray[np.float32], gain: Gain, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Bring temperatures to 8-bit grey levels as cameras do: each picture between its own extremes.

    Args:
        celsius: (h, w) °C.
        gain: `linear` between two percentiles; `gamma` bends that line; `plateau` moves towards equal shares of all
            levels, which spreads what most pixels show and presses hot spots together.
        rng: of the curve.
    """
    low, high = np.percentile(celsius, [rng.uniform(0.1, 0.8), 100 - rng.uniform(0.05, 0.6)])
    levels = np.clip((celsius - low) / max(float(high - low), 0.5), 0, 1)
    if gain == "gamma":
        levels = levels ** float(np.exp(rng.uniform(-0.35, 0.35)))
    elif gain == "plateau":
        counts, edges = np.histogram(levels, bins=256, range=(0, 1))
        shares = np.cumsum(np.minimum(counts, 4 * levels.size / 256))
        equal = np.interp(levels, edges[1:], shares / shares[-1])
        levels += np.float32(rng.uniform(0.05, 0.3)) * (equal - levels)
    return np.asarray(np.round(levels * 255), np.uint8)


def sense_visible(image: npt.NDArray[np.uint8], rig: Rig, seed: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Blur, sharpen as drones' cameras do, vignette, expose and add noise."""
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), rig.visible_blur))
    strength = float(rng.uniform(0.8, 1.8))
    blurred = np.asarray(cv2.addWeighted(blurred, 1 + strength, cv2.GaussianBlur(blurred, (0, 0), 1.6), -strength, 0))
    height, width = blurred.shape[:2]
    clouds = cv2.resize(rng.standard_normal((2, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    light = float(rng.uniform(1.0, 1.25)) * (1 + np.float32(0.04) * clouds)
    light = (light * (1 - np.float32(0.16) * _vignette(VISIBLE_SIZE))).astype(np.float32)
    balance = 1 + 0.03 * rng.standard_normal(3)
    noise = np.float32(rig.visible_noise) * _noise(height, width, seed, rng)
    channels = []
    for index in range(3):
        exposed = cv2.multiply(blurred[..., index], light, scale=float(balance[index]), dtype=cv2.CV_32F)
        # One draw serves the three channels at other shifts: sensors' noise is independent between them.
        channels.append(np.asarray(cv2.add(exposed, np.roll(noise, 37 * index, axis=1), dtype=cv2.CV_8U), np.uint8))
    return np.asarray(cv2.merge(channels), np.uint8)


def _noise(height: int, width: int, seed: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    tile = noise_tile(seed)
    top, left = int(rng.integers(TILE - height)), int(rng.integers(TILE - width))
    return tile[top : top + height, left : left + width]


def _lens(size: tuple[int, int]) -> tuple[Points, float]:
    half = np.array(size, np.float64) / 2
    return half, float(np.hypot(*half))


@lru_cache(maxsize=8)
def _undistorted_pixels(size: tuple[int, int], distortion: float) -> tuple[npt.NDArray[np.float32], ...]:
    """Return where each raw pixel's centre lies without the lens' distortion, as two (h, w) arrays."""
    (centre_x, centre_y), radius = _lens(size)
    x = (np.arange(size[0]) + 0.5 - centre_x)[None, :] + np.zeros((size[1], 1))
    y = (np.arange(size[1]) + 0.5 - centre_y)[:, None] + np.zeros((1, size[0]))
    factor = np.ones_like(x)
    for _ in range(4):  # the shift is well under a hundredth, so the fixed point is reached at once
        factor = 1 / (1 + distortion * ((x * factor) ** 2 + (y * factor) ** 2) / radius**2)
    return (x * factor + centre_x).astype(np.float32), (y * factor + centre_y).astype(np.float32)


@lru_cache(maxsize=2)
def _vignette(size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return 0 at the centre and 1 in the corners, (h, w)."""
    (centre_x, centre_y), radius = _lens(size)
    x = (np.arange(size[0]) + 0.5 - centre_x)[None, :]
    y = (np.arange(size[1]) + 0.5 - centre_y)[:, None]
    return (((x**2 + y**2) / radius**2) ** 1.2).astype(np.float32)
