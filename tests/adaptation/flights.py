"""Tiny source tiles and a tiny flight: flat panels in rows on cooler ground, with hot rectangles."""

from pathlib import Path

import cv2
import numpy as np

from ddlivm.augmentation.sample import Sample
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import box_outlines, load_taxonomy

TILE = (96, 64)


def source_tiles(kinds: tuple[str, ...] = ("internal_damage", "grass_tree", "dirty")) -> SourceTiles:
    """Return a tile per type: a panel 10 K above the median with one rectangle 8 K hotter, green where visible."""
    rng = np.random.default_rng(0)
    samples = []
    for number, name in enumerate(kinds):
        infrared = rng.normal(0, 0.1, TILE[::-1]).astype(np.float32)
        infrared[8:56] += 10
        x0, y0 = 24 + 8 * number, 20
        infrared[y0 : y0 + 12, x0 : x0 + 16] += 8
        visible = np.full((TILE[1] * 7 // 4, TILE[0] * 7 // 4, 3), (60, 70, 150), np.uint8)
        if name != "internal_damage":
            visible[y0 * 7 // 4 : (y0 + 12) * 7 // 4, x0 * 7 // 4 : (x0 + 16) * 7 // 4] = (20, 200, 40)
        boxes = np.array([[x0, y0, x0 + 16, y0 + 12]], np.float32)
        classes = np.array([load_taxonomy().index(name)])
        samples.append(Sample(infrared, visible, boxes, classes, box_outlines(boxes)))
    return SourceTiles(tuple(samples), (40.0,) * len(samples))


def write_flight(folder: Path, pairs: int = 6, size: tuple[int, int] = (128, 96)) -> Path:
    """Write pairs as `predict` takes them: two rows of modules, and in every second picture a hot cell."""
    rng = np.random.default_rng(1)
    for modality in ("infrared", "visible"):
        (folder / modality).mkdir(parents=True)
    for index in range(pairs):
        grey = 80 + rng.normal(0, 1.5, size[::-1])
        colour = np.full((size[1] * 7 // 4, size[0] * 7 // 4, 3), (70, 130, 90), np.uint8)
        width, height = size[0] // 6, size[1] // 4
        for y in (size[1] // 10, size[1] * 6 // 10):
            for x in range(6, size[0] - width, width + 2):
                grey[y : y + height, x : x + width] += 60
                colour[y * 7 // 4 : (y + height) * 7 // 4, x * 7 // 4 : (x + width) * 7 // 4] = (120, 60, 40)
        if index % 2:
            grey[size[1] // 10 + 10 : size[1] // 10 + 17, 14:21] += 20
        cv2.imwrite(str(folder / f"infrared/p{index}.png"), np.clip(grey, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"visible/p{index}.png"), colour)
    return folder
