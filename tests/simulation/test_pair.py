import numpy as np
import pytest
import shapely

from ddlivm.data import Transform, load_taxonomy
from ddlivm.simulation.camera import INFRARED_SIZE, automatic_gain, infrared_view, rig_transform, visible_view
from ddlivm.simulation.canvas import Grid
from ddlivm.simulation.defects import make_defect
from ddlivm.simulation.pair import SimulatedPair, panels, simulate_pair
from ddlivm.simulation.plants import PLANTS, Gain, Plant
from ddlivm.simulation.scene import Relief, lay_out

SITE1, SITE2 = PLANTS[:2]


@pytest.fixture(scope="module")
def pair() -> SimulatedPair:
    return simulate_pair(SITE1, ("internal_damage", "dirty", "diode_failure"), seed=3, texture_seed=1)


def test_a_seed_gives_the_same_pair(pair: SimulatedPair) -> None:
    again = simulate_pair(SITE1, ("internal_damage", "dirty", "diode_failure"), seed=3, texture_seed=1)
    np.testing.assert_array_equal(pair.infrared, again.infrared)
    np.testing.assert_array_equal(pair.visible, again.visible)
    assert pair.transform == again.transform


def test_labels_lie_inside_the_frame(pair: SimulatedPair) -> None:
    assert pair.labels
    for label in pair.labels:
        assert (label.polygon >= 0).all()
        assert (label.polygon <= INFRARED_SIZE).all()


def test_a_hot_cell_is_hotter_than_its_surroundings() -> None:
    pair = simulate_pair(SITE2, ("internal_damage",), seed=3, texture_seed=1)
    label = next(label for label in pair.labels if label.kind == "internal_damage")
    celsius = pair.infrared * 0.01 - 273.15
    (x0, y0), (x1, y1) = np.floor(label.polygon.min(axis=0)).astype(int), np.ceil(label.polygon.max(axis=0)).astype(int)
    around = celsius[max(y0 - 12, 0) : y1 + 12, max(x0 - 12, 0) : x1 + 12]
    assert celsius[y0:y1, x0:x1].max() > np.median(around) + 2


def test_both_views_meet_at_the_exact_transform() -> None:
    transform = rig_transform(SITE1.rig, np.array([0.4, -0.7]))
    infrared = infrared_view(0.03, 5.0, (2.0, -1.0), 0.0)
    visible = visible_view(infrared, transform, 0.0)
    ground = np.random.default_rng(0).uniform(-8, 8, (20, 2))
    np.testing.assert_allclose(transform.to_visible(infrared.project(ground)), visible.project(ground), atol=1e-9)
    np.testing.assert_allclose(infrared.project([(2.0, -1.0)])[0], np.array(INFRARED_SIZE) / 2, atol=1e-9)
    assert isinstance(transform, Transform)


def test_panels_are_where_the_modules_are(pair: SimulatedPair) -> None:
    import cv2

    masks = {}
    for modality, size in (("infrared", (512, 640)), ("visible", (1024, 1280))):
        masks[modality] = np.zeros(size, np.uint8)
        outlines = [np.round(outline).astype(np.int32) for outline in pair.panels[modality]]
        cv2.fillPoly(masks[modality], outlines, 1)
    inside = masks["visible"] > 0
    blueness = pair.visible[..., 2].astype(int) - pair.visible[..., 0]
    assert blueness[inside].mean() > blueness[~inside].mean() + 30
    warped = cv2.warpAffine(masks["visible"], pair.transform.matrix, (640, 512), flags=cv2.WARP_INVERSE_MAP)
    overlap = ((warped > 0) & (masks["infrared"] > 0)).sum() / ((warped > 0) | (masks["infrared"] > 0)).sum()
    assert overlap > 0.97


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.id)
def test_outlines_cover_what_the_tables_cover(plant: Plant) -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        heading = plant.heading + float(rng.normal(0, 1.5))
        infrared = infrared_view(plant.resolution * float(rng.normal(1, 0.015)), heading, (0.0, 0.0), 0.0)
        view = visible_view(infrared, rig_transform(plant.rig, np.zeros(2)), plant.rig.distortion[1])
        scene = lay_out(plant.table, view.footprint(), rng)
        tables = shapely.union_all([shapely.box(*table) for table in scene.tables])
        seen = rng.uniform((0, 0), view.size, (200, 2))
        ground = (seen - view.matrix[:, 2]) @ np.linalg.inv(view.matrix[:, :2]).T  # right to a few pixels
        inside = shapely.contains_xy(shapely.union_all([shapely.Polygon(one) for one in panels(scene, view)]), seen)
        assert (inside == shapely.contains_xy(tables, ground)).mean() > 0.9


@pytest.mark.parametrize("kind", load_taxonomy().names)
def test_every_type_makes_heat_and_only_external_ones_show(kind: str) -> None:
    rng = np.random.default_rng(5)
    scene = lay_out(SITE1.table, (-12.0, -9.0, 12.0, 9.0), rng)
    module = next(m for m in scene.modules if m.level == SITE1.table.levels - 1 and m.column == 3)
    defect = make_defect(kind, scene, module, SITE1.table, rng)
    taxonomy = load_taxonomy()
    assert defect.heat
    assert all(source.kelvin > 0 for source in defect.heat)
    assert bool(defect.looks) == taxonomy.types[taxonomy.index(kind)].external


def test_uneven_ground_is_seen_where_it_is_projected_to() -> None:
    relief = Relief(0.4, 0.02, 40.0, 0.7)
    view = infrared_view(0.03, 5.0, (0.0, 0.0), 0.004, relief)
    grid = Grid(view.footprint(), 40.0)
    marks = np.array([(-5.0, -3.0), (4.0, 3.5), (0.0, 0.0)])
    canvas = np.zeros(grid.shape, np.float32)
    for column, row in np.round(grid.pixels(marks) - 0.5).astype(int):
        canvas[row - 2 : row + 3, column - 2 : column + 3] = 100
    seen = view.expose(canvas, grid)
    for x, y in view.project(marks):
        rows, columns = np.mgrid[int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9]
        weights = seen[rows, columns]
        centre = (columns * weights).sum() / weights.sum() + 0.5, (rows * weights).sum() / weights.sum() + 0.5
        np.testing.assert_allclose(centre, (x, y), atol=0.5)


@pytest.mark.parametrize("gain", ["linear", "gamma", "plateau"])
def test_an_automatic_gain_keeps_the_order_and_uses_all_levels(gain: Gain) -> None:
    rng = np.random.default_rng(1)
    celsius = np.concatenate([rng.normal(25, 2, 30_000), rng.normal(40, 1, 20_000), [95.0]]).astype(np.float32)[None]
    levels = automatic_gain(celsius, gain, np.random.default_rng(2))
    order = np.argsort(celsius[0], kind="stable")
    assert (np.diff(levels[0][order].astype(int)) >= 0).all()
    assert levels.min() == 0
    assert levels.max() == levels[0, -1] == 255


def test_the_plant_is_turned_on_every_other_leg() -> None:
    shaded = []
    for seed in range(8):
        pair = simulate_pair(SITE2, (), seed, texture_seed=1)
        shaded.append(_shadow_side(pair))
    assert {-1, 1} == set(shaded)


def _shadow_side(pair: SimulatedPair) -> int:
    """Return whether the shadow lies above a table in the picture (1) or below it (-1)."""
    grey = pair.visible.mean(axis=2)
    sums = np.zeros(2)
    for outline in pair.panels["visible"]:
        middle = outline[:, 0].min() * 0.5 + outline[:, 0].max() * 0.5
        near = outline[np.abs(outline[:, 0] - middle) < 60, 1]
        if len(near) < 2 or near.min() < 30 or near.max() > 990:
            continue
        x = int(middle)
        sums += (
            grey[int(near.min()) - 20 : int(near.min()) - 8, x].mean(),
            grey[int(near.max()) + 8 : int(near.max()) + 20, x].mean(),
        )
    return 1 if sums[0] < sums[1] else -1
