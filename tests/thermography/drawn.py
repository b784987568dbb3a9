"""Drawn pictures of modules, whose healthy level is known everywhere."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ddlivm.parameters import Thermography, load_parameters
from tests.imports import ROOT

SIZE = (640, 512)
LEFT, PITCH = 20, 53
UPPER = (60, 210, 360)
ROWS, MODULE = 3, (50, 24)
FRAME = 3
HEALTHY, NOISE = 120.0, 3.0


def settings() -> Thermography:
    """What params.yaml says."""
    return load_parameters(Path(ROOT) / "params.yaml").thermography


def module_box(table: int, row: int, column: int) -> tuple[int, int, int, int]:
    """Return a module's xyxy box."""
    x, y = LEFT + PITCH * column, UPPER[table] + (MODULE[1] + FRAME) * row
    return x, y, x + MODULE[0], y + MODULE[1]


def draw(seed: int = 0, ground: float = 60.0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return a healthy picture of three tables of 3 x 11 modules, and the mask of its tables."""
    values = np.full(SIZE[::-1], ground, np.float32)
    panels = np.zeros(SIZE[::-1], bool)
    for table, upper in enumerate(UPPER):
        area = np.s_[upper - FRAME : upper + ROWS * (MODULE[1] + FRAME), LEFT - FRAME : LEFT + 11 * PITCH]
        values[area], panels[area] = 80, True
        for row in range(ROWS):
            for column in range(11):
                x0, y0, x1, y1 = module_box(table, row, column)
                values[y0:y1, x0:x1] = HEALTHY
    noise = np.random.default_rng(seed).normal(0, NOISE, values.shape)
    return (values + noise).astype(np.float32), panels
