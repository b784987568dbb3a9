"""The scene's apparent temperatures, and what each defect's heat outlines."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.climate import apparent, ground_temperature, module_temperature
from ddlivm.simulation.plants import Plant, Table
from ddlivm.simulation.scene import FRAME, Defect, Scene

Field = npt.NDArray[np.float32]

VARIANTS = 6
"""Healthy modules are drawn from so many sprites a site."""

PANEL_SPREAD = 0.5
"""Deviation between healthy modules, K: bins, age."""

BLOCK_SPREAD = 0.5
"""Deviation between healthy blocks of modules, K: wind, and strings that work at other voltages."""

BLOCK = (4, 16)
"""Fewest and most columns of modules in a block."""

SEAM = 0.015
"""Half of the gap between two modules, metres: through it the camera sees what lies in their shade."""

LEAVES = 2.0
"""How much warmer than the air leaves are in the sun, K: they evaporate."""

VISIBLE_HEAT = 0.7
"""Heat below it is no part of a defect's outline, K."""


@dataclass(frozen=True)
class Thermal:
    """A thermal canvas.

    Attributes:
        celsius: (h, w) apparent temperatures, °C.
        outlines: per defect of the scene, the convex hull of its visible heat, (k, 2) metres; empty if none shows.
    """

    celsius: Field
    outlines: tuple[npt.NDArray[np.float64], ...]


def render_thermal(
    plant: Plant, scene: Scene, grid: Grid, warmth: Field, seed: int, rng: np.random.Generator
) -> Thermal:
    """Render apparent temperatures over the scene.

    Args:
        plant: the site.
        scene: what stands there; its defects' heat is scaled to the weather already.
        grid: the canvas.
        warmth: the ground's texture, K, of the canvas' shape.
        seed: of the site's textures.
        rng: of this pair.
    """
    day = plant.day
    ground = ground_temperature(day, plant.terrain)
    celsius = warmth + np.float32(ground)
    glass = apparent(module_temperature(day), day)
    shade = float(np.clip(1.2 / np.tan(np.deg2rad(day.sun_elevation)), 0.2, 1.6))
    shadow = np.zeros(grid.shape, np.float32)
    for x0, y0, x1, _ in scene.tables:
        shadow[grid.slices((x0, y0 - shade, x1, y0))] = 1
    # Ground that the shadow only just reached is still warm: its edge is soft where visible light's is sharp.
    soft = np.asarray(cv2.blur(shadow, (1, max(int(0.35 * grid.density), 1))), np.float32)
    celsius -= soft * (np.float32(0.28 * max(ground - day.ambient, 0) + 0.5) + np.float32(0.5) * warmth)
    for mark in scene.marks:
        if mark.style == "leaves":
            _fill(celsius, mark.polygon, grid, day.ambient + LEAVES + float(rng.uniform(0, 7)))
        elif mark.style == "combiner":
            _fill(celsius, mark.polygon, grid, glass + float(rng.uniform(-9, 3)))
    frame = apparent(module_temperature(day), day, plant.table.frame_emissivity) - glass
    sprites = _module_sprites(plant.table, grid.density, frame, day.ambient - glass, seed)
    blocks = _blocks(scene, rng)
    for module in scene.modules:
        rows, columns = grid.slices(module.rect)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        sprite = sprites[int(rng.integers(VARIANTS))]
        if height > 0 and width > 0:
            level = glass + blocks[module.row][module.column] + PANEL_SPREAD * rng.standard_normal()
            celsius[rows, columns] = sprite[-height:, -width:] + np.float32(level)
    outlines = tuple(_heat(celsius, defect, grid) for defect in scene.defects)
    for defect in scene.defects:
        for cover in defect.covers:
            _fill(celsius, cover, grid, day.ambient + LEAVES)
    cloud = cv2.resize(rng.standard_normal((3, 4)).astype(np.float32), grid.shape[::-1], interpolation=cv2.INTER_CUBIC)
    celsius += np.asarray(cloud, np.float32) * np.float32(0.5 * rng.random())
    return Thermal(celsius, outlines)


def _fill(celsius: Field, polygon: npt.NDArray[np.float64], grid: Grid, temperature: float) -> None:
    cv2.fillPoly(celsius, [np.round(grid.pixels(polygon)).astype(np.int32)], temperature)


def _blocks(scene: Scene, rng: np.random.Generator) -> list[npt.NDArray[np.float64]]:
    """Return how much warmer each column of each table's modules is than the plant, K: alike within a block."""
    offsets = []
    for row in range(len(scene.tables)):
        count = 1 + max(module.column for module in scene.modules if module.row == row)
        lengths = rng.integers(BLOCK[0], BLOCK[1] + 1, size=count)
        levels = np.repeat(BLOCK_SPREAD * rng.standard_normal(count), lengths)[:count]
        offsets.append(levels + BLOCK_SPREAD * rng.standard_normal())
    return offsets


@lru_cache(maxsize=4)
def _module_sprites(
    table: Table, density: float, frame_excess: float, seam_excess: float, seed: int
) -> tuple[Field, ...]:
    """Return healthy modules, K around their glass: cells, a warm junction box, a warmer top, a frame, a seam."""
    rng = np.random.default_rng([seed, 17])
    slope = float(np.cos(np.deg2rad(table.tilt)))
    width, height = (int(np.ceil(side * density)) + 1 for side in (table.module[0], table.module[1] * slope))
    frame = FRAME * density
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    edge = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)) + 0.5
    inside = np.clip(edge - frame + 0.5, 0, 1)
    along = np.minimum(x, width - 1 - x) + 0.5
    seam = np.clip(SEAM * density - along + 0.5, 0, 1)
    box_x, box_y = width * 0.5, height * 0.12
    box = np.exp(-(((x - box_x) / (0.09 * density)) ** 2) - ((y - box_y) / (0.06 * density)) ** 2)
    sprites = []
    for _ in range(VARIANTS):
        cells = rng.standard_normal((table.cells[1], table.cells[0])).astype(np.float32) * 0.22
        pattern = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
        warm = pattern + 0.5 - 1.0 * y / height + float(rng.uniform(0.6, 1.6)) * box
        framed = warm * inside + frame_excess * (1 - inside)
        sprites.append(np.asarray(framed + (seam_excess - framed) * seam, np.float32))
    return tuple(sprites)


def _heat(celsius: Field, defect: Defect, grid: Grid) -> npt.NDArray[np.float64]:
    """Add a defect's heat to the canvas and return its outline in metres."""
    rects = np.array([source.rect for source in defect.heat])
    reach = 6 * defect.diffusion
    bounds = defect.bounds
    region = (
        max(rects[:, 0].min() - reach, bounds[0]),
        max(rects[:, 1].min() - reach, bounds[1]),
        min(rects[:, 2].max() + reach, bounds[2]),
        min(rects[:, 3].max() + reach, bounds[3]),
    )
    rows, columns = grid.slices(region)
    pad = int(np.ceil(reach * grid.density))
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    if min(shape) < 1:
        return np.empty((0, 2))
    sources = np.zeros((shape[0] + 2 * pad, shape[1] + 2 * pad), np.float32)
    for source in defect.heat:
        corners = grid.pixels([source.rect[:2], source.rect[2:]]) - (columns.start - pad, rows.start - pad)
        (x0, y0), (x1, y1) = np.round(corners).astype(int)
        sources[max(y0, 0) : max(y1, y0 + 1), max(x0, 0) : max(x1, x0 + 1)] += np.float32(source.kelvin)
    spread = _steady(sources, defect.diffusion * grid.density)[pad : pad + shape[0], pad : pad + shape[1]]
    celsius[rows, columns] += spread
    mask = spread > max(0.25 * float(spread.max()), VISIBLE_HEAT)
    ys, xs = np.nonzero(mask)
    if not len(xs):
        return np.empty((0, 2))
    corners = np.concatenate([np.stack([xs + dx, ys + dy], axis=1) for dx in (0, 1) for dy in (0, 1)])
    hull = cv2.convexHull(corners.astype(np.int32))[:, 0].astype(np.float64)
    return np.asarray((hull + np.array([columns.start, rows.start])) / grid.density + grid.extent[:2])


def _steady(sources: Field, length: float) -> Field:
    """Return the steady state of λ² ∇²T - T + source = 0: heat that spreads in a sheet and leaves it to the air.

    Args:
        sources: (h, w) K, the plateau that a wide source would reach.
        length: λ, pixels.
    """
    frequency = [2 * np.pi * np.fft.fftfreq(side) for side in sources.shape]
    squared = frequency[0][:, None] ** 2 + frequency[1][None, : sources.shape[1] // 2 + 1] ** 2
    spectrum = np.fft.rfft2(sources) / (1 + length**2 * squared)
    return np.asarray(np.fft.irfft2(spectrum, s=sources.shape), np.float32)
