"""What stands on the ground of one pair: rows of modules and their defects, in metres."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.simulation.plants import Table

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1 in metres; x runs along the rows, y down the slope towards a table's lower edge."""

EDGE = 0.12
"""How often the plant ends within the picture."""

FRAME = 0.035
"""A module's aluminium frame, metres."""


@dataclass(frozen=True)
class Module:
    """One module: its place, its column in the row, its level up the slope and its row."""

    rect: Rect
    row: int
    column: int
    level: int

    @property
    def width(self) -> float:
        """Along the row, metres."""
        return self.rect[2] - self.rect[0]

    @property
    def height(self) -> float:
        """Up the foreshortened slope, metres."""
        return self.rect[3] - self.rect[1]


@dataclass(frozen=True)
class HeatSource:
    """A warm rectangle, K above its surroundings before heat spreads."""

    rect: Rect
    kelvin: float


@dataclass(frozen=True)
class Look:
    """How something looks in visible light.

    Attributes:
        style: a key of `looks.PAINTERS`.
        polygon: (k, 2) metres.
        seed: of its texture.
    """

    style: str
    polygon: npt.NDArray[np.float64]
    seed: int


@dataclass(frozen=True)
class Defect:
    """One defect: heat, spread over `diffusion` metres and kept inside `bounds`, and looks.

    Attributes:
        kind: the taxonomy's name.
        heat: the sources.
        diffusion: the length that heat spreads in glass, metres; larger where it is a reflection's soft edge.
        bounds: heat does not cross it (a module's frame, or a table's edge).
        looks: empty for internal defects.
        covers: leaves or objects over the glass that hide its heat, (k, 2) metres each.
    """

    kind: str
    heat: tuple[HeatSource, ...]
    diffusion: float
    bounds: Rect
    looks: tuple[Look, ...] = ()
    covers: tuple[npt.NDArray[np.float64], ...] = ()


@dataclass(frozen=True)
class Relief:
    """How uneven ground moves what stands on it, seen from above: rows bend, and spread like a fan.

    A point at (x, y) metres is seen at (x, y + (amplitude + spread * y) * sin(2 pi x / period + phase)).

    Attributes:
        amplitude: metres.
        spread: metres for each metre of y.
        period: metres.
        phase: radians.
    """

    amplitude: float
    spread: float
    period: float
    phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Relief":
        """Draw one; half of all plants stand on even ground."""
        amplitude = float(rng.uniform(0.05, 0.3)) if rng.random() < 0.5 else 0.0
        spread = float(rng.uniform(-0.02, 0.02)) if amplitude else 0.0
        return cls(amplitude, spread, float(rng.uniform(28, 60)), float(rng.uniform(0, 2 * np.pi)))

    def rise(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return how far points at x and y, metres, are moved along y, metres."""
        wave = np.sin(x * x.dtype.type(2 * np.pi / self.period) + x.dtype.type(self.phase))
        return np.asarray((y * y.dtype.type(self.spread) + y.dtype.type(self.amplitude)) * wave)


LEVEL = Relief(0.0, 0.0, 1.0, 0.0)
"""Even ground."""


@dataclass(frozen=True)
class Scene:
    """Rows of modules over a stretch of ground.

    Attributes:
        extent: the stretch.
        tables: each row's rectangle.
        modules: all of them.
        defects: on them.
        marks: What fools a detector: droppings, cables; trees and roads around the plant.
    """

    extent: Rect
    tables: tuple[Rect, ...]
    modules: tuple[Module, ...]
    defects: tuple[Defect, ...] = ()
    marks: tuple[Look, ...] = field(default=())


def lay_out(table: Table, extent: Rect, rng: np.random.Generator) -> Scene:
    """Fill a stretch of ground with rows; where they begin is random, and some stretches lie at the plant's edge.

    Args:
        table: the site's mounting.
        extent: metres.
        rng: of the phases.
    """
    width = table.module[0]
    height = table.module[1] * float(np.cos(np.deg2rad(table.tilt)))
    slope = height * table.levels
    pitch = slope + table.gap
    plant = _plant(extent, rng)
    top = extent[1] - float(rng.uniform(0, pitch))
    tables: list[Rect] = []
    modules: list[Module] = []
    row = 0
    while top < extent[3]:
        if rng.random() < 0.06 or not plant[1] < top + slope / 2 < plant[3]:  # a road, or beyond the plant's edge
            top += pitch
            continue
        left = plant[0] - float(rng.uniform(0, width))
        right = plant[2]
        if rng.random() < 0.18:  # an aisle ends the row inside the picture
            share = float(rng.uniform(0.25, 0.75))
            cut = extent[0] + share * (extent[2] - extent[0])
            left, right = (left, cut) if rng.random() < 0.5 else (cut, right)
        count = max(int(np.ceil((right - left) / width)), 1)
        tables.append((left, top, left + count * width, top + slope))
        modules += [
            Module((x, y, x + width, y + height), row, column, level)
            for level in range(table.levels)
            for column in range(count)
            for x, y in [(left + column * width, top + level * height)]
        ]
        row += 1
        top += pitch
    return Scene(extent, tuple(tables), tuple(modules))


def _plant(extent: Rect, rng: np.random.Generator) -> Rect:
    """Return the part of a stretch of ground that the plant covers: all of it, but at the plant's edge."""
    if rng.random() >= EDGE:
        return extent
    side = int(rng.integers(4))
    cut = extent[side % 2] + float(rng.uniform(0.15, 0.85)) * (extent[side % 2 + 2] - extent[side % 2])
    x0, y0, x1, y1 = (cut if index == side else value for index, value in enumerate(extent))
    return x0, y0, x1, y1
