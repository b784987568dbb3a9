"""One simulated pair: its images, its labels and its exact transform."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.data.transforms import Transform
from ddlivm.simulation.camera import (
    INFRARED_SIZE,
    View,
    infrared_view,
    rig_transform,
    sense_infrared,
    sense_visible,
    visible_view,
)
from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.climate import defect_gain
from ddlivm.simulation.defects import decoys, make_defect, scaled, surroundings
from ddlivm.simulation.plants import Plant
from ddlivm.simulation.scene import Defect, Module, Rect, Relief, Scene, lay_out
from ddlivm.simulation.textures import cover, cut_ground
from ddlivm.simulation.thermal import render_thermal
from ddlivm.simulation.visible import render_visible

Points = npt.NDArray[np.float64]

SMALLEST_SIDE = 4.0
"""A box with a shorter side is no label: nobody could mark it, raw infrared pixels."""

SHARED = 0.2
"""How often a small defect goes to a module that has one already."""

SMALLEST_SHARE = 0.3
"""A defect is labelled when at least this share of it is inside the frame."""


@dataclass(frozen=True)
class Label:
    """A labelled defect.

    Attributes:
        kind: the taxonomy's name.
        polygon: (k, 2) raw infrared pixels, inside the frame.
    """

    kind: str
    polygon: Points


@dataclass(frozen=True)
class SimulatedPair:
    """A pair as the cameras give it, with the truth.

    Attributes:
        infrared: (512, 640) uint16, hundredths of a kelvin; or uint8, grey levels.
        visible: (1024, 1280, 3) uint8 RGB.
        labels: the defects.
        panels: modality to table outlines, (k, 2) raw pixels of that modality.
        transform: raw infrared to raw visible pixels, exact at the centre of the lens.
    """

    infrared: npt.NDArray[np.uint16] | npt.NDArray[np.uint8]
    visible: npt.NDArray[np.uint8]
    labels: tuple[Label, ...]
    panels: dict[str, tuple[Points, ...]]
    transform: Transform


def simulate_pair(plant: Plant, kinds: tuple[str, ...], seed: int, texture_seed: int) -> SimulatedPair:
    """Simulate one pair.

    Args:
        plant: the site.
        kinds: defect types to place, as far as there are modules in the picture.
        seed: of this pair.
        texture_seed: of the site.
    """
    rng = np.random.default_rng(seed)
    rig = plant.rig
    resolution = plant.resolution * float(rng.normal(1, 0.015))
    leg = 180.0 * float(rng.integers(2))
    heading = plant.heading + leg + float(rng.normal(0, 1.5))
    infrared = infrared_view(resolution, heading, (0.0, 0.0), rig.distortion[0], Relief.draw(rng))
    transform = rig_transform(rig, rng.normal(0, 0.6, 2))
    visible = visible_view(infrared, transform, rig.distortion[1])
    scene = lay_out(plant.table, _union(infrared.footprint(), visible.footprint()), rng)
    scene = replace(scene, defects=_place(plant, scene, infrared, kinds, rng), marks=decoys(scene, plant.terrain, rng))
    thermal_grid = Grid(scene.extent, 1.5 / plant.resolution)
    visible_grid = Grid(scene.extent, rig.scale / plant.resolution)
    ground = cut_ground(plant.terrain, texture_seed, visible_grid.shape, thermal_grid.shape, rng)
    for mark in surroundings(scene, plant.terrain, rng):
        cover(ground, mark, visible_grid, thermal_grid)
    thermal = render_thermal(plant, scene, thermal_grid, ground.thermal, texture_seed, rng)
    light = render_visible(plant, scene, visible_grid, ground.visible, texture_seed, rng)
    celsius = np.asarray(infrared.expose(thermal.celsius, thermal_grid), np.float32)
    seen = np.asarray(visible.expose(light, visible_grid), np.uint8)
    return SimulatedPair(
        infrared=sense_infrared(celsius, rig, texture_seed, rng),
        visible=sense_visible(seen, rig, texture_seed, rng),
        labels=_labels(scene.defects, thermal.outlines, infrared),
        panels={"infrared": panels(scene, infrared), "visible": panels(scene, visible)},
        transform=transform,
    )


def _union(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float, float, float]:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _place(
    plant: Plant, scene: Scene, view: View, kinds: tuple[str, ...], rng: np.random.Generator
) -> tuple[Defect, ...]:
    """Put each defect on a module of the infrared picture; small ones may share it, larger ones keep to themselves."""
    bottom = plant.table.levels - 1
    shape_of = {entry.name: entry.shape for entry in load_taxonomy().types}
    free = [module for module in scene.modules if _is_seen(module, view)]
    shared: list[Module] = []
    gain = defect_gain(plant.day)
    defects: list[Defect] = []
    for kind in kinds:
        candidates = [m for m in free if m.level == bottom] if kind in ("grass_tree", "facility") else free
        point = shape_of[kind] == "point"
        if point and shared and rng.random() < SHARED:
            candidates = shared
        if not candidates:
            continue
        module = candidates[int(rng.integers(len(candidates)))]
        defect = scaled(make_defect(kind, scene, module, plant.table, rng), gain)
        reach = _reach(defect)
        if candidates is shared and any(_touch(reach, _reach(other)) for other in defects):
            continue
        defects.append(defect)
        free = [other for other in free if not _touch(other.rect, reach)]
        shared = [other for other in shared if other is not module] + ([module] if point else [])
    return tuple(defects)


def _touch(a: Rect, b: Rect) -> bool:
    return not (a[2] < b[0] or a[0] > b[2] or a[3] < b[1] or a[1] > b[3])


def _is_seen(module: Module, view: View) -> bool:
    x, y = view.project([((module.rect[0] + module.rect[2]) / 2, (module.rect[1] + module.rect[3]) / 2)])[0]
    margin = 0.04 * INFRARED_SIZE[0]
    return bool(margin < x < INFRARED_SIZE[0] - margin and margin < y < INFRARED_SIZE[1] - margin)


def _reach(defect: Defect) -> tuple[float, float, float, float]:
    rects = np.array([source.rect for source in defect.heat])
    margin = 0.2
    return (
        float(rects[:, 0].min() - margin),
        float(rects[:, 1].min() - margin),
        float(rects[:, 2].max() + margin),
        float(rects[:, 3].max() + margin),
    )


def _labels(defects: tuple[Defect, ...], outlines: tuple[Points, ...], view: View) -> tuple[Label, ...]:
    frame = shapely.box(0, 0, *INFRARED_SIZE)
    labels = []
    for defect, outline in zip(defects, outlines, strict=True):
        looks = [look.polygon for look in defect.looks if look.style not in ("cabinet", "stain")]
        stains = [look.polygon for look in defect.looks if look.style == "stain"][:1]
        points = np.concatenate([outline, *(_inside(polygon, defect) for polygon in (*looks, *stains))])
        if len(points) < 3:
            continue
        whole = shapely.MultiPoint(view.project(points)).convex_hull
        part = whole.intersection(frame)
        if part.is_empty or part.geom_type != "Polygon" or part.area < SMALLEST_SHARE * whole.area:
            continue
        x0, y0, x1, y1 = part.bounds
        if min(x1 - x0, y1 - y0) >= SMALLEST_SIDE:
            labels.append(Label(defect.kind, np.asarray(part.exterior.coords)[:-1]))
    return tuple(labels)


def _inside(polygon: Points, defect: Defect) -> Points:
    x0, y0, x1, y1 = defect.bounds
    return np.clip(polygon, (x0, y0), (x1, y1))


def panels(scene: Scene, view: View) -> tuple[Points, ...]:
    """Return the outlines of the tables that a view shows, (k, 2) raw pixels each."""
    frame = shapely.box(0, 0, *view.size)
    # Distortion bends a long edge. Each corner is there once: twice, rounded otherwise, it ties a knot, and cutting a
    # knotted outline gives what is outside of it.
    along = np.linspace(0, 1, 24, endpoint=False)[:, None]
    outlines = []
    for x0, y0, x1, y1 in scene.tables:
        top, right = np.array([(x0, y0)]) + along * (x1 - x0, 0), np.array([(x1, y0)]) + along * (0, y1 - y0)
        lower, left = np.array([(x1, y1)]) - along * (x1 - x0, 0), np.array([(x0, y1)]) - along * (0, y1 - y0)
        part = shapely.Polygon(view.project(np.concatenate([top, right, lower, left]))).intersection(frame)
        outlines += [
            np.asarray(piece.exterior.coords)[:-1]
            for piece in getattr(part, "geoms", [part])
            if piece.geom_type == "Polygon" and piece.area > 4
        ]
    return tuple(outlines)
