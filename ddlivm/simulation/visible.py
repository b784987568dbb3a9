"""The scene in visible light."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.looks import paint
from ddlivm.simulation.plants import Plant, Table
from ddlivm.simulation.scene import FRAME, Scene

Image = npt.NDArray[np.uint8]

VARIANTS = 8
"""Modules are drawn from so many sprites a site."""

OTHERS = 3
"""The last of the sprites are of another batch, darker and redder."""


def render_visible(plant: Plant, scene: Scene, grid: Grid, ground: Image, seed: int, rng: np.random.Generator) -> Image:
    """Render (h, w, 3) RGB over the scene.

    Args:
        plant: the site.
        scene: what stands there.
        grid: the canvas.
        ground: the bare ground, of the canvas' shape; it is painted over.
        seed: of the site's textures.
        rng: of this pair.
    """
    canvas = ground
    shade = float(np.clip(1.2 / np.tan(np.deg2rad(plant.day.sun_elevation)), 0.2, 1.6))
    for x0, y0, x1, _ in scene.tables:
        part = canvas[grid.slices((x0, y0 - shade, x1, y0))]
        part[:] = cv2.convertScaleAbs(part, alpha=0.45) if part.size else part
    sprites = _module_sprites(plant.table, grid.density, seed)
    for module in scene.modules:
        rows, columns = grid.slices(module.rect)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        other = rng.random() < plant.table.mixed
        variant = VARIANTS - 1 - int(rng.integers(OTHERS)) if other else int(rng.integers(VARIANTS - OTHERS))
        if height > 0 and width > 0:
            canvas[rows, columns] = sprites[variant][-height:, -width:]
    for mark in scene.marks:
        paint(canvas, mark, grid)
    for defect in scene.defects:
        for look in defect.looks:
            paint(canvas, look, grid)
    return canvas


@lru_cache(maxsize=4)
def _module_sprites(table: Table, density: float, seed: int) -> tuple[Image, ...]:
    """Return modules with their cells, the lines between them, busbars' sheen and an aluminium frame."""
    rng = np.random.default_rng([seed, 19])
    slope = float(np.cos(np.deg2rad(table.tilt)))
    width, height = (int(np.ceil(side * density)) + 1 for side in (table.module[0], table.module[1] * slope))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    lines = np.zeros((height, width), np.float32)
    for axis, (positions, count, side) in enumerate(((x, table.cells[0], width), (y, table.cells[1], height))):
        pitch = (side - 2 * FRAME * density) / count
        offset = (positions - FRAME * density) % pitch
        distance = np.minimum(offset, pitch - offset)
        strength = 1.0 if axis == 0 else 0.85
        lines = np.maximum(lines, strength * np.clip(0.9 - distance, 0, 1))
    edge = np.minimum(np.minimum(x, width - x), np.minimum(y, height - y))
    frame = np.clip(1.3 * FRAME * density + 0.5 - edge, 0, 1)
    colour, line = np.array(table.colour, np.float32), np.array(table.line, np.float32)
    sprites = []
    for variant in range(VARIANTS):
        tint = 1 + 0.12 * float(rng.standard_normal())
        hue = np.array([1.15, 0.82, 0.8], np.float32) if variant >= VARIANTS - OTHERS else np.ones(3, np.float32)
        cells = 1 + 0.08 * rng.standard_normal((table.cells[1], table.cells[0])).astype(np.float32)
        pattern = np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST))
        sky = 1.08 - 0.16 * y / height
        body = colour * hue * (tint * pattern * sky)[..., None]
        body += (line - body) * lines[..., None]
        body += (np.array([232, 234, 236], np.float32) - body) * frame[..., None]
        sprites.append(np.clip(body, 0, 255).astype(np.uint8))
    return tuple(sprites)
