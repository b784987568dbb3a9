"""The ten defect types: where each makes heat, and how the external ones look.

Contrasts before spreading are those of inspections at about 1000 W/m²: a few kelvin for substrings and strings, five to
tens for single cells. The weather scales them (`climate.defect_gain`).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddlivm.simulation.plants import Table, Terrain
from ddlivm.simulation.scene import FRAME, Defect, HeatSource, Look, Module, Rect, Scene

GLASS = 0.045
"""How far heat spreads in glass and backsheet, metres."""

PLANT_SPACING: dict[Terrain, float] = {"grass": 0.7, "soil": 2.5, "sand": 12.0, "rooftop": float("inf")}
"""Metres between plants along a row's lower edge: it is watered there and seldom mown."""

STRING = (3.0, 6.6)
"""Lengths of what of a string is open or shorted, metres."""

ROAD = 0.4
"""How often a road of gravel leads through, where there is room for it."""

TREES: dict[Terrain, float] = {"grass": 14.0, "soil": 8.0, "sand": 3.0, "rooftop": 0.0}
"""Trees and bushes that are tried on a picture's ground; most would stand on tables, and are left out."""

CLEAR = 0.6
"""Metres around tables that stay free of trees and roads."""

Rng = np.random.Generator
Polygon = npt.NDArray[np.float64]


def make_defect(kind: str, scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Return a defect of a taxonomy type on a module (and its neighbours, for types that spread over several)."""
    return _BUILDERS[kind](scene, module, table, rng)


def _cell(module: Module, table: Table) -> tuple[float, float]:
    return (module.width - 2 * FRAME) / table.cells[0], (module.height - 2 * FRAME) / table.cells[1]


def _cell_rect(module: Module, table: Table, column: int, row: int, columns: int = 1, rows: int = 1) -> Rect:
    width, height = _cell(module, table)
    x0, y0 = module.rect[0] + FRAME + column * width, module.rect[1] + FRAME + row * height
    return x0, y0, x0 + columns * width, y0 + rows * height


def _polygon(rect: Rect) -> Polygon:
    x0, y0, x1, y1 = rect
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _blob(centre: tuple[float, float], radii: tuple[float, float], rng: Rng, points: int = 14) -> Polygon:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = 1 + 0.28 * rng.standard_normal(points).clip(-1.5, 1.5)
    return np.stack(
        [centre[0] + radii[0] * radius * np.cos(angles), centre[1] + radii[1] * radius * np.sin(angles)], axis=1
    )


def _place(module: Module, size: tuple[float, float], rng: Rng) -> tuple[float, float]:
    x0, y0, x1, y1 = module.rect
    margin_x, margin_y = size[0] + FRAME, size[1] + FRAME
    return (
        float(rng.uniform(min(x0 + margin_x, (x0 + x1) / 2), max(x1 - margin_x, (x0 + x1) / 2 + 1e-6))),
        float(rng.uniform(min(y0 + margin_y, (y0 + y1) / 2), max(y1 - margin_y, (y0 + y1) / 2 + 1e-6))),
    )


def _seed(rng: Rng) -> int:
    return int(rng.integers(1 << 31))


def _span(scene: Scene, module: Module, count: int) -> list[Module]:
    """Return up to `count` neighbours of the same row and level, from `module` rightwards, else leftwards."""
    line = [other for other in scene.modules if (other.row, other.level) == (module.row, module.level)]
    start = min(module.column, max(len(line) - count, 0))
    return line[start : start + count]


def _table_of(scene: Scene, module: Module) -> Rect:
    return scene.tables[module.row]


def _hot_spot(
    module: Module, table: Table, centre: tuple[float, float], radii: tuple[float, float], kelvin: float
) -> tuple[HeatSource, ...]:
    """A stain heats what it shades, and the cell around it, driven into reverse, a little."""
    cell_width, cell_height = _cell(module, table)
    column = int(np.clip((centre[0] - module.rect[0] - FRAME) / cell_width, 0, table.cells[0] - 1))
    row = int(np.clip((centre[1] - module.rect[1] - FRAME) / cell_height, 0, table.cells[1] - 1))
    stain = (centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1])
    return HeatSource(stain, kelvin), HeatSource(_cell_rect(module, table, column, row), 0.35 * kelvin)


def _grass_tree(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Vegetation at the lower edge: grown over it, or only shading it from below."""
    return (_overgrown if rng.random() < 0.4 else _shaded_edge)(scene, module, table, rng)


def _shaded_edge(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Tall grass below the lower edge: a streak of hot spots in what it shades of the lowest cells."""
    bounds = _table_of(scene, module)
    lower = bounds[3] - FRAME
    length = float(np.exp(rng.uniform(np.log(0.8), np.log(3.0))))
    start = float(rng.uniform(module.rect[0] - length / 2, module.rect[2] - length / 2))
    left, right = max(start, bounds[0]), min(start + length, bounds[2])
    cell_width, cell_height = _cell(module, table)
    height, kelvin = float(rng.uniform(0.8, 1.8)) * cell_height, float(rng.uniform(6, 16))
    heat, tufts = [], []
    x = left
    while x < right:
        width = float(rng.uniform(0.3, 1.2)) * cell_width
        if rng.random() < 0.75:
            top = lower - height * float(rng.uniform(0.4, 1.1))
            heat.append(HeatSource((x, top, min(x + width, right), lower), kelvin * float(rng.uniform(0.4, 1.2))))
        if rng.random() < 0.7:
            size = float(rng.uniform(0.1, 0.3))
            tufts.append(_blob((x, bounds[3] + 0.7 * size), (size, size), rng, 10))
        x += width
    heat = heat or [HeatSource((left, lower - height, right, lower), kelvin)]
    return Defect(
        "grass_tree", tuple(heat), 0.6 * GLASS, bounds, tuple(Look("leaves", tuft, _seed(rng)) for tuft in tufts)
    )


def _overgrown(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Vegetation over the lower edge: it hides the glass under it, and the cells half in its shade run hot."""
    bounds = _table_of(scene, module)
    lower = bounds[3]
    width = float(rng.uniform(0.5, 2.4))
    height = float(rng.uniform(0.18, 0.5))
    centre_x = float(rng.uniform(module.rect[0], module.rect[2]))
    left, right = max(centre_x - width / 2, bounds[0]), min(centre_x + width / 2, bounds[2])
    tufts = [
        _blob((x, lower - float(rng.uniform(-0.08, 0.5)) * height), (0.16 + 0.1 * rng.random(), height * 0.55), rng)
        for x in np.arange(left, right, 0.22)
    ]
    cell_width, cell_height = _cell(module, table)
    heat = []
    for x in np.arange(left, right, cell_width):
        if rng.random() < 0.8:
            top = lower - FRAME - cell_height * (1 + int(rng.random() < 0.45))
            heat.append(HeatSource((float(x), top, float(x + cell_width), lower - FRAME), float(rng.uniform(5, 18))))
    looks = tuple(Look("leaves", tuft, _seed(rng)) for tuft in tufts)
    return Defect("grass_tree", tuple(heat), GLASS, bounds, looks, tuple(tufts[::2]))


def _facility(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """A pole's or cabinet's shadow across modules; the shaded part of each substring runs hot."""
    bounds = _table_of(scene, module)
    slant = float(rng.uniform(-0.8, 0.8))
    width = float(rng.uniform(0.35, 0.8))
    top, bottom = bounds[1] + float(rng.uniform(0, 0.4)), bounds[3]
    x = float(rng.uniform(module.rect[0], module.rect[2]))
    shadow = np.array([(x, top), (x + width, top), (x + width + slant, bottom), (x + slant, bottom)])
    object_height = float(rng.uniform(0.3, 0.7))
    cabinet = (x + slant - 0.1, bottom - 0.25, x + slant + width + 0.1, bottom - 0.25 + object_height)
    _, cell_height = _cell(module, table)
    heat = []
    for y in np.arange(top, bottom - cell_height, cell_height):
        centre = x + slant * (y - top) / max(bottom - top, 1e-6)
        reach = float(rng.uniform(0.7, 1.25)) * width
        heat.append(
            HeatSource((centre - 0.1, float(y), centre + reach, float(y + cell_height)), float(rng.uniform(4, 11)))
        )
    looks = (Look("shadow", shadow, _seed(rng)), Look("cabinet", _polygon(cabinet), _seed(rng)))
    return Defect("facility", tuple(heat), GLASS * 1.5, bounds, looks, (_polygon(cabinet),))


def _dirty(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """A bird dropping or a soil stain on a cell or two."""
    radii = (float(rng.uniform(0.07, 0.17)), float(rng.uniform(0.07, 0.19)))
    centre = _place(module, radii, rng)
    stains = [Look("stain", _blob(centre, radii, rng), _seed(rng))]
    for _ in range(int(rng.integers(0, 4))):
        shifted = (centre[0] + float(rng.normal(0, 0.12)), centre[1] + float(rng.normal(0, 0.12)))
        stains.append(Look("stain", _blob(shifted, (0.02, 0.025), rng, 8), _seed(rng)))
    heat = _hot_spot(module, table, centre, radii, float(rng.uniform(8, 22)))
    return Defect("dirty", heat, GLASS, module.rect, tuple(stains))


def _dust(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """A film of dust that rain left in the lower corner, or along the lower frame."""
    width, height = float(rng.uniform(0.35, 0.85)), float(rng.uniform(0.18, 0.36))
    x = module.rect[0] + FRAME if rng.random() < 0.5 else module.rect[2] - FRAME - width
    y = module.rect[3] - FRAME - height
    centre = (x + width / 2, y + height / 2)
    film = Look("film", _blob(centre, (width / 2, height / 2), rng, 18), _seed(rng))
    heat = (HeatSource((x, y, x + width, y + height), float(rng.uniform(4, 9))),)
    return Defect("dust", heat, GLASS * 1.4, module.rect, (film,))


def _external_damage(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Broken glass: a star of bright cracks, and irregular heat where cells broke with it."""
    radius = float(rng.uniform(0.14, 0.3))
    centre = _place(module, (radius * 0.7, radius * 0.7), rng)
    star = Look("cracks", _blob(centre, (radius, radius), rng, 16), _seed(rng))
    heat = [
        HeatSource((centre[0] - 0.07, centre[1] - 0.07, centre[0] + 0.07, centre[1] + 0.07), float(rng.uniform(9, 24)))
    ]
    for _ in range(int(rng.integers(2, 5))):
        x, y = centre[0] + float(rng.normal(0, 0.45)) * radius, centre[1] + float(rng.normal(0, 0.45)) * radius
        heat.append(HeatSource((x - 0.05, y - 0.03, x + 0.05, y + 0.03), float(rng.uniform(4, 15))))
    return Defect("external_damage", tuple(heat), GLASS, module.rect, (star,))


def _solar_reflection(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """The sun mirrored by glass: glare in visible light, and a false warm region with soft edges."""
    bounds = _table_of(scene, module)
    radii = (float(rng.uniform(0.7, 1.6)), float(rng.uniform(0.5, 1.1)))
    centre = ((module.rect[0] + module.rect[2]) / 2, (module.rect[1] + module.rect[3]) / 2)
    glare = Look("glare", _blob(centre, radii, rng, 20), _seed(rng))
    core = (
        centre[0] - 0.7 * radii[0],
        centre[1] - 0.7 * radii[1],
        centre[0] + 0.7 * radii[0],
        centre[1] + 0.7 * radii[1],
    )
    heat = (HeatSource(core, float(rng.uniform(5, 14))),)
    return Defect("solar_reflection", heat, 0.22, bounds, (glare,))


def _short_circuit(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """Shorted modules: a bar of one to three, or a string, whose cells differ like patchwork, warmer below."""
    shortest, longest = STRING
    string = round(float(rng.uniform(shortest, longest)) / module.width)
    modules = _span(scene, module, string if rng.random() < 0.2 else int(rng.integers(1, 4)))
    level, share, strength = float(rng.uniform(1.0, 3.0)), float(rng.uniform(0.2, 0.5)), float(rng.uniform(4, 10))
    heat = []
    for each in modules:
        # Cells fail in runs: neighbours along a string of cells are alike more often than not.
        hot = False
        for row in range(table.cells[1]):
            for column in range(table.cells[0]):
                lower = row / table.cells[1]
                hot = rng.random() < share if rng.random() < 0.6 else hot
                kelvin = level + hot * strength * float(rng.uniform(0.5, 1.2)) * (0.6 + 0.8 * lower)
                heat.append(HeatSource(_cell_rect(each, table, column, row), kelvin))
    bounds = (modules[0].rect[0], modules[0].rect[1], modules[-1].rect[2], modules[-1].rect[3])
    return Defect("short_circuit", tuple(heat), GLASS * 0.6, bounds)


def _open_circuit(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """An open string: all light becomes heat, a few kelvin evenly over a row of modules."""
    modules = _span(scene, module, max(round(float(rng.uniform(*STRING)) / module.width), 2))
    kelvin = float(rng.uniform(5, 9))
    heat = tuple(
        HeatSource((each.rect[0] + FRAME, each.rect[1] + FRAME, each.rect[2] - FRAME, each.rect[3] - FRAME),
                   kelvin + float(rng.normal(0, 0.25)))
        for each in modules
    )  # fmt: skip
    bounds = (modules[0].rect[0], modules[0].rect[1], modules[-1].rect[2], modules[-1].rect[3])
    return Defect("open_circuit", heat, GLASS, bounds)


def _internal_damage(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """One to four cells that lost contact or have shunts; nothing shows in visible light."""
    columns, rows = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3))[int(rng.integers(6))]
    column = int(rng.integers(table.cells[0] - columns + 1))
    row = int(rng.integers(table.cells[1] - rows + 1))
    heat = tuple(
        HeatSource(_cell_rect(module, table, column + i, row + j), float(rng.uniform(7, 25)))
        for i in range(columns)
        for j in range(rows)
    )
    return Defect("internal_damage", heat, GLASS, module.rect)


def _diode_failure(scene: Scene, module: Module, table: Table, rng: Rng) -> Defect:
    """A conducting bypass diode: a third of the module, along its long side, a few kelvin warm; or a run of cells."""
    if rng.random() < 0.35:
        return _hot_run(module, table, rng)
    third = int(rng.integers(3))
    if table.cells[1] >= table.cells[0]:
        columns = table.cells[0] // 3
        rect = _cell_rect(module, table, third * columns, 0, columns, table.cells[1])
    else:
        rows = table.cells[1] // 3
        rect = _cell_rect(module, table, 0, third * rows, table.cells[0], rows)
    heat = [HeatSource(rect, float(rng.uniform(5, 10)))]
    for _ in range(int(rng.integers(0, 4))):  # some cells of a shorted substring stay warmer
        x, y = float(rng.uniform(rect[0], rect[2] - 0.1)), float(rng.uniform(rect[1], rect[3] - 0.1))
        heat.append(HeatSource((x, y, min(x + 0.15, rect[2]), min(y + 0.15, rect[3])), float(rng.uniform(1, 3))))
    return Defect("diode_failure", tuple(heat), GLASS * 0.6, module.rect)


def _hot_run(module: Module, table: Table, rng: Rng) -> Defect:
    """Half of a substring that its diode does not protect: a line of cells, hotter than a whole substring gets."""
    upright = table.cells[1] >= table.cells[0]
    longest = max(table.cells)
    count = int(rng.integers(max(longest // 3, 3), longest + 1))
    start, line = int(rng.integers(longest - count + 1)), int(rng.integers(min(table.cells)))
    rect = (
        _cell_rect(module, table, line, start, 1, count) if upright else _cell_rect(module, table, start, line, count)
    )
    return Defect("diode_failure", (HeatSource(rect, float(rng.uniform(6, 14))),), GLASS * 0.6, module.rect)


_BUILDERS: dict[str, Callable[[Scene, Module, Table, Rng], Defect]] = {
    "grass_tree": _grass_tree,
    "facility": _facility,
    "dirty": _dirty,
    "dust": _dust,
    "external_damage": _external_damage,
    "solar_reflection": _solar_reflection,
    "short_circuit": _short_circuit,
    "open_circuit": _open_circuit,
    "internal_damage": _internal_damage,
    "diode_failure": _diode_failure,
}


def scaled(defect: Defect, gain: float) -> Defect:
    """Return the defect with its heat scaled to the weather."""
    return replace(defect, heat=tuple(HeatSource(source.rect, source.kelvin * gain) for source in defect.heat))


def decoys(scene: Scene, terrain: Terrain, rng: Rng) -> tuple[Look, ...]:
    """Return what is not a defect: droppings that shade too little, cables, combiner boxes, plants below the glass."""
    marks = []
    for module in scene.modules:
        if rng.random() < 0.05:
            radii = (float(rng.uniform(0.015, 0.045)), float(rng.uniform(0.015, 0.05)))
            marks.append(Look("stain", _blob(_place(module, radii, rng), radii, rng, 9), _seed(rng)))
    for x0, y0, x1, y1 in scene.tables:
        if rng.random() < 0.3:
            x = float(rng.uniform(x0, x1))
            cable = (x, y1 + 0.1, x + float(rng.uniform(2, 6)), y1 + 0.16)
            marks.append(Look("cable", _polygon(cable), _seed(rng)))
        for _ in range(int(rng.poisson((x1 - x0) / 50))):
            x, side = float(rng.uniform(x0, x1)), float(rng.uniform(0.25, 0.6))
            marks.append(Look("combiner", _polygon((x, y0 - 0.3, x + side, y0 - 0.02)), _seed(rng)))
        x = x0
        while (x := x + float(rng.exponential(PLANT_SPACING[terrain]))) < x1:
            size = float(rng.uniform(0.08, 0.28))
            marks.append(Look("leaves", _blob((x, y1 + 0.75 * size), (size, 0.7 * size), rng, 10), _seed(rng)))
    return tuple(marks)


def surroundings(scene: Scene, terrain: Terrain, rng: Rng) -> tuple[Look, ...]:
    """Return what stands and lies where no table is: trees, roads of gravel, and bare patches of all shapes."""
    x0, y0, x1, y1 = scene.extent
    marks = []
    if rng.random() < ROAD:
        middle, half = float(rng.uniform(y0, y1)), float(rng.uniform(1.2, 2.6))
        drift = float(rng.normal(0, 1.5))
        ends = np.array(
            [(x0, middle - half), (x1, middle + drift - half), (x1, middle + drift + half), (x0, middle + half)]
        )
        if _clear((x0, ends[:, 1].min(), x1, ends[:, 1].max()), scene):
            marks.append(Look("gravel", ends, _seed(rng)))
    for style, number, sizes in (("gravel", 2.0, (0.8, 4.0)), ("tree", TREES[terrain], (0.7, 2.6))):
        for _ in range(int(rng.poisson(number))):
            size = float(rng.uniform(*sizes))
            radii = (size * float(rng.uniform(0.7, 1.4)), size)
            centre = (float(rng.uniform(x0, x1)), float(rng.uniform(y0, y1)))
            reach = (centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1])
            if style == "gravel" or _clear(reach, scene):
                marks.append(Look(style, _blob(centre, radii, rng, 18), _seed(rng)))
    return tuple(marks)


def _clear(rect: Rect, scene: Scene) -> bool:
    """Return whether no table is near a rectangle."""
    return not any(
        rect[0] < table[2] + CLEAR
        and table[0] - CLEAR < rect[2]
        and rect[1] < table[3] + CLEAR
        and table[1] - CLEAR < rect[3]
        for table in scene.tables
    )
