"""Cutouts, backgrounds and pastes, with numbers that can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from ddlivm.adaptation.backgrounds import Background, background_of, painted, row_angle, types_of
from ddlivm.adaptation.cutouts import cutouts_of
from ddlivm.adaptation.pastes import paste
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import AlignedPair, Detections, Transform, load_taxonomy
from ddlivm.errors import InputError
from ddlivm.inspection.folder import find_pairs
from ddlivm.parameters import load_parameters
from ddlivm.parameters.adaptation import Pastes
from ddlivm.thermography import Anomalies, excess
from ddlivm.thermography.anomalies import Region
from tests.adaptation.flights import source_tiles, write_flight
from tests.imports import ROOT

INTERNAL, GRASS, DIRTY = (load_taxonomy().index(name) for name in ("internal_damage", "grass_tree", "dirty"))
PASTES = Pastes(number=(6, 6), scale=(0.5, 1.0), contrast=(5.0, 5.0))
PARAMETERS = load_parameters(ROOT / "params.yaml")


def plain_background(rows=((20, 60), (76, 116)), size=(160, 128)):
    panels = np.zeros(size[::-1], bool)
    for top, bottom in rows:
        panels[top:bottom] = True
    visible = np.full((size[1] * 7 // 4, size[0] * 7 // 4, 3), 80, np.uint8)
    infrared = np.where(panels, 10, 0).astype(np.float32)
    return Background(infrared, visible, panels, 0.5, 40.0, True, 50.0, 0.0, Detections.empty())


def test_source_tiles_come_back_as_they_were_written(tmp_path):
    tiles = source_tiles()
    tiles.save(tmp_path)
    loaded = SourceTiles.load(tmp_path)
    assert loaded.spans == tiles.spans
    for before, after in zip(tiles.samples, loaded.samples, strict=True):
        np.testing.assert_allclose(after.infrared, before.infrared, atol=0.01)
        np.testing.assert_array_equal(after.visible, before.visible)
        np.testing.assert_array_equal(after.boxes, before.boxes)
        np.testing.assert_array_equal(after.outlines[0], before.outlines[0])


def test_damaged_source_tiles_are_one_line(tmp_path):
    source_tiles().save(tmp_path)
    (tmp_path / "source_tiles.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match=r"source_tiles\.json: does not describe"):
        SourceTiles.load(tmp_path)


def test_a_cutout_has_its_heat_within_its_shape_and_a_look_if_its_type_has_one():
    internal, grass, dirty = cutouts_of(source_tiles())
    assert [cutout.kind for cutout in (internal, grass, dirty)] == [INTERNAL, GRASS, DIRTY]
    assert internal.look is None
    assert grass.look is not None
    assert (grass.cover > 0.5).sum() == pytest.approx(16 * 12, abs=8)
    inside = internal.cover > 0.99
    assert internal.heat[inside].mean() == pytest.approx(1.0, abs=0.05)
    assert abs(internal.heat[internal.cover < 0.01].mean()) < 0.05
    assert dirty.around == pytest.approx([60, 70, 150])


def test_a_defect_at_its_tiles_border_is_not_a_source_of_pastes():
    tiles = source_tiles(("dirty",))
    sample = tiles.samples[0]
    moved = replace(sample, boxes=np.array([[0, 20, 16, 32]], np.float32))
    assert cutouts_of(SourceTiles((moved,), (40.0,))) == ()


def test_pastes_lie_on_panels_at_their_boxes_with_the_contrast_that_was_asked_for():
    background = plain_background()
    cutouts = tuple(cutout for cutout in cutouts_of(source_tiles()) if cutout.kind == INTERNAL)
    sample = paste(background, cutouts, PASTES, np.random.default_rng(3))
    assert 3 <= len(sample.boxes) <= 6
    added = sample.infrared - background.infrared
    covered = np.zeros(added.shape, bool)
    for x0, y0, x1, y1 in sample.boxes.astype(int):
        assert background.panels[y0:y1, x0:x1].mean() > 0.8
        assert added[y0:y1, x0:x1].max() == pytest.approx(5 * 0.5, rel=0.15)
        covered[y0 - 3 : y1 + 3, x0 - 3 : x1 + 3] = True
    assert np.abs(added[~covered]).max() < 0.2
    np.testing.assert_array_equal(sample.visible, background.visible)


def test_a_visible_type_is_pasted_at_the_same_place_in_both_images():
    background = plain_background()
    cutouts = tuple(cutout for cutout in cutouts_of(source_tiles()) if cutout.kind == DIRTY)
    sample = paste(background, cutouts, PASTES, np.random.default_rng(3))
    changed = np.abs(sample.visible.astype(int) - background.visible).max(axis=2) > 25
    for x0, y0, x1, y1 in sample.boxes:
        inner = np.s_[int((y0 + 1) * 1.75) : int((y1 - 1) * 1.75), int((x0 + 1) * 1.75) : int((x1 - 1) * 1.75)]
        assert changed[inner].mean() > 0.9
    assert changed.mean() < 0.2


def test_grass_grows_at_lower_edges_only():
    background = plain_background()
    cutouts = tuple(cutout for cutout in cutouts_of(source_tiles()) if cutout.kind == GRASS)
    bottoms = np.concatenate(
        [paste(background, cutouts, PASTES, np.random.default_rng(seed)).boxes[:, 3] for seed in range(4)]
    )
    assert len(bottoms) > 8
    assert np.minimum(abs(bottoms - 60), abs(bottoms - 116)).max() <= 8


def test_pastes_do_not_overlap_and_known_anomalies_keep_their_place():
    known = Detections.of([(30, 30, 50, 45)], [1.0], [INTERNAL])
    background = replace(plain_background(), known=known)
    sample = paste(background, cutouts_of(source_tiles()), PASTES, np.random.default_rng(0))
    assert sample.boxes[0].tolist() == [30, 30, 50, 45]
    taken = np.zeros(background.panels.shape, int)
    for x0, y0, x1, y1 in sample.boxes.astype(int):
        taken[y0:y1, x0:x1] += 1
    assert (taken > 1).sum() == 0


def test_nothing_is_pasted_where_there_are_no_panels():
    background = replace(plain_background(), panels=np.zeros((128, 160), bool))
    sample = paste(background, cutouts_of(source_tiles()), PASTES, np.random.default_rng(0))
    assert len(sample.boxes) == 0
    np.testing.assert_array_equal(sample.infrared, background.infrared)


@pytest.mark.parametrize("degrees", [-20.0, 0.0, 7.0])
def test_the_angle_of_rows_is_measured(degrees):
    y, x = np.mgrid[:256, :320]
    slope = np.tan(np.radians(degrees))
    rows = (y - slope * x) % 80 < 45
    assert row_angle(rows) == pytest.approx(degrees, abs=1.5)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    (_, second, *_) = find_pairs(write_flight(tmp_path_factory.mktemp("flight"), 2, (320, 256))).pairs
    return AlignedPair(second, Transform(1.75, 0, 0), (320, 256))


def panels_of(pair):
    return (pair.raw_visible[..., 2] > 100).astype(np.float32)


def test_a_reported_anomaly_stays_with_its_box(pair):
    background = background_of(pair, panels_of(pair), lambda *_: Detections.empty(), PARAMETERS.thermography, seed=0)
    (box,) = background.known.boxes
    assert (box[:2] <= [15, 36]).all()
    assert (box[2:] >= [20, 41]).all()
    assert (box[2:] - box[:2]).max() < 24
    assert background.infrared[38, 17] - np.median(background.infrared[46:84, 10:54]) > 12
    assert background.deviation == pytest.approx(1.5, abs=0.6)


def test_a_hot_region_too_weak_to_be_reported_is_painted_over(pair):
    blind = PARAMETERS.thermography.model_copy(update={"strength": 99.0, "module": 20.0})
    background = background_of(pair, panels_of(pair), lambda *_: Detections.empty(), blind, seed=0)
    assert len(background.known) == 0
    healthy = background.infrared[46:84, 10:54]
    patch = background.infrared[35:42, 14:21]
    assert patch.mean() == pytest.approx(healthy.mean(), abs=3)
    assert patch.std() == pytest.approx(healthy.std(), rel=0.8)


def test_painting_leaves_what_is_kept_and_is_the_same_for_the_same_seed(pair):
    found = excess(pair.infrared(), panels_of(pair), False)
    values = pair.infrared()
    kept = np.ones(values.shape, bool)
    np.testing.assert_array_equal(painted(values, found, kept, 0), values)
    nothing = np.zeros(values.shape, bool)
    np.testing.assert_array_equal(painted(values, found, nothing, 0), painted(values, found, nothing, 0))


def test_the_head_has_a_say_in_an_anomalys_type():
    anomalies = Anomalies.of([Region((40, 18, 47, 25), 40, 9.0, 6.0, 8.0, "point")], "K")
    seen = Detections.of(np.repeat(anomalies.boxes, 2, axis=0), [0.4, 0.6], [GRASS, DIRTY])
    shown = np.ones((256, 320), bool)
    assert types_of(anomalies, seen, shown) == [DIRTY]
    assert types_of(anomalies, Detections.empty(), shown) == [INTERNAL]
    shown[25:] = False
    assert types_of(anomalies, Detections.empty(), shown) == [GRASS]
