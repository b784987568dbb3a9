from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.sample import Sample
from ddlivm.data import box_outlines
from ddlivm.parameters.dtft_training import Augmentation, Tiles
from ddlivm.training.radiometry import jitter
from ddlivm.training.tiles import Place, TileSampler
from ddlivm.training.working_set import WorkingSet, clip
from tests.augmentation.polygons import TRIANGLES, filled, near_the_edge

NEVER = Augmentation(method="hstd", diffused=0, altitude=0, flips=0, rotation=0, noise=0, cutout=0, radiometry=0)
MIRRORED = NEVER.model_copy(update={"flips": 0.5})
ALWAYS = Augmentation(method="hstd", diffused=1, altitude=0.5, flips=0.5, rotation=0.5, noise=1, cutout=1, radiometry=1)
WIDTH, HEIGHT = 320, 256


def coordinates():
    """A working set whose pixels say where they are: both modalities show the column in one half of the pairs."""
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    grids = (columns, rows)
    infrared = np.stack([np.repeat(grid[None] / 16, 3, axis=0) for grid in grids]).astype(np.float16)
    wide = np.meshgrid(np.arange(WIDTH * 7 // 4), np.arange(HEIGHT * 7 // 4))
    visible = np.stack([np.repeat((grid * 4 / 7 / 2)[..., None], 3, axis=2) for grid in wide]).astype(np.uint8)
    boxes = np.array([[8, 8, 16, 16], [100, 100, 300, 140], [200, 30, 240, 60]], dtype=np.float32)
    outlines = (box_outlines(boxes), (np.array([[8, 8], [16, 8], [8, 16]], np.float32),))
    spans, classes = np.array([40, 40], np.float32), (np.array([0, 3, 3]), np.array([7]))
    return WorkingSet(infrared, visible, spans, (boxes, boxes[:1]), classes, outlines)


def tiles(**changes):
    return Tiles.model_validate(
        {"size": (96, 64), "per_epoch": 60, "defect_share": 0.8, "plain": 0.0, "scale": (0.8, 1.25)} | changes
    )


def test_types_are_shown_equally_often_and_epochs_differ():
    sampler = TileSampler(coordinates(), tiles(), NEVER, seed=3)
    epoch = sampler.epoch(1)
    data = sampler.working_set
    kinds = Counter(int(data.classes[place.pair][place.box]) for place in epoch if place.box >= 0)
    assert kinds == {0: 16, 3: 16, 7: 16}
    assert len(epoch) == 60
    assert epoch == TileSampler(coordinates(), tiles(), NEVER, seed=3).epoch(1)
    assert epoch != sampler.epoch(2)
    assert len(TileSampler(coordinates(), tiles(per_epoch=0, defect_share=0), NEVER, seed=0).epoch(1)) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2), st.sampled_from([(1.0, 1.0), (0.5, 2.0)]))
def test_both_modalities_and_the_boxes_show_the_same_ground(index, box, scale):
    sampler = TileSampler(coordinates(), tiles(scale=scale), MIRRORED, seed=0)
    sample = sampler.tile(Place(0, box, (96, 64)), 1, index)
    assert sample.infrared.shape == (64, 96)
    assert sample.visible.shape == (112, 168, 3)
    columns = ((sample.infrared * 0.2 + 0.425) - 0.5) * 40 * 16
    visible_columns = sample.visible[:, :, 0].astype(float) * 2
    assert abs(columns.mean() - visible_columns.mean()) < 2.5
    kind = sampler.working_set.classes[0][box]
    assert kind in sample.classes
    assert (sample.boxes >= 0).all()
    assert (sample.boxes <= [96, 64, 96, 64]).all()
    if box == 0:  # it fits, so it is whole, and lies where its columns are
        found = sample.boxes[list(sample.classes).index(0)]
        centre = columns[int(found[1::2].mean()), int(found[::2].mean())]
        assert centre == pytest.approx(12, abs=2.5)


def test_a_tile_depends_on_its_seed_epoch_and_index_only():
    sampler, other = (TileSampler(coordinates(), tiles(), ALWAYS, seed=0) for _ in range(2))
    sampler.tile(Place(1, 0, (96, 64)), 1, 1)
    first, second = (which.tile(Place(0, 1, (96, 64)), 2, 5) for which in (sampler, other))
    assert np.array_equal(first.infrared, second.infrared)
    assert np.array_equal(first.visible, second.visible)
    assert np.array_equal(first.boxes, second.boxes)
    assert not np.array_equal(first.infrared, sampler.tile(Place(0, 1, (96, 64)), 3, 5).infrared)


def test_diffusion_leaves_the_visible_tile_and_the_boxes_alone():
    heated = MIRRORED.model_copy(update={"diffused": 1.0})
    plain, hotter = coordinates(), coordinates()
    hotter.infrared[:, 1:] += 2
    for index in range(5):
        first, second = (
            TileSampler(data, tiles(scale=(1.0, 1.0)), heated, seed=0).tile(Place(0, 0, (96, 64)), 1, index)
            for data in (plain, hotter)
        )
        assert np.array_equal(first.visible, second.visible)
        assert np.array_equal(first.boxes, second.boxes)
        assert np.allclose(second.infrared - first.infrared, 2 / 40 / 0.2, atol=0.01)


def test_the_methods_of_the_ablation_differ_in_what_they_do():
    place, data = Place(0, 0, (96, 64)), coordinates()
    data.infrared[:, 1:] += 20  # what is diffused is hotter, all of it

    def drawn(method, **shares):
        changed = ALWAYS.model_copy(update={"method": method, "radiometry": 0, "noise": 0, "cutout": 0} | shares)
        sampler = TileSampler(data, tiles(scale=(1.0, 1.0)), changed, seed=0)
        return [sampler.tile(place, 1, index) for index in range(20)]

    def celsius(sample):
        return ((sample.infrared * 0.2 + 0.425) - 0.5) * 40

    assert min(celsius(sample).max() for sample in drawn("hstd", rotation=0)) > 20
    assert max(celsius(sample).max() for sample in drawn("classic", rotation=0)) < 20
    plain = drawn("none")
    columns = [celsius(sample)[0] * 16 for sample in plain]
    assert all((np.diff(row) > 0).all() for row in columns), "neither flipped nor turned"
    assert all(row[-1] - row[0] == pytest.approx(95, abs=1) for row in columns), "nor enlarged"
    mixed = drawn("oa_mix", rotation=0)
    assert any(len(np.unique(np.round(celsius(sample)[0] * 16))) < 80 for sample in mixed), "tones are changed"
    assert all(0 in sample.classes for sample in mixed)


@pytest.mark.parametrize("flips", [0.0, 1.0])
def test_tiles_are_mirrored_as_often_as_told_both_ways(flips):
    told = NEVER.model_copy(update={"flips": flips})
    sampler = TileSampler(coordinates(), tiles(scale=(1.0, 1.0)), told, seed=0)
    for index in range(10):
        for pair, axis in ((0, 1), (1, 0)):  # one pair shows its columns, the other its rows
            steps = np.diff(sampler.tile(Place(pair, 0, (96, 64)), 1, index).infrared, axis=axis)
            assert (steps < 0).all() if flips else (steps > 0).all()


def test_a_lower_flight_keeps_the_defect_in_view():
    lower = MIRRORED.model_copy(update={"altitude": 1.0})
    sampler = TileSampler(coordinates(), tiles(scale=(1.0, 1.0)), lower, seed=0)
    for index in range(20):
        sample = sampler.tile(Place(1, 0, (96, 64)), 1, index)
        assert 7 in sample.classes
        sides = sample.boxes[0, 2:] - sample.boxes[0, :2]
        assert sides.max() in (pytest.approx(16, abs=0.1), pytest.approx(24, abs=0.1), pytest.approx(14, abs=6))


@pytest.mark.parametrize(
    ("scale", "altitude", "size", "blurred"),
    [((1.0, 1.0), 0, 1.0, 0), ((0.5, 2.0), 0, 1.0, 2), ((1.0, 1.0), 1, 0.3, 3)],
)
@pytest.mark.parametrize("points", TRIANGLES)
def test_an_outline_follows_its_image_into_the_tile(points, scale, altitude, size, blurred):
    shifted = (points * size + 100).astype(np.float32)
    shown = filled(shifted, (WIDTH, HEIGHT))
    whole = coordinates()
    infrared = np.repeat(np.where(shown, 40, 0).astype(np.float16)[None, None], 3, axis=1)
    boxes = np.concatenate([shifted.min(axis=0), shifted.max(axis=0)])[None]
    data = WorkingSet(infrared, whole.visible[:1], whole.spans[:1], (boxes,), (np.array([3]),), ((shifted,),))
    sampler = TileSampler(data, tiles(scale=scale), MIRRORED.model_copy(update={"altitude": altitude}), seed=0)
    samples = [sampler.tile(Place(0, 0, (96, 64)), 1, index) for index in range(20)]
    shown_in = [sample for sample in samples if len(sample.outlines)]
    assert len(shown_in) >= 15
    for sample in shown_in:
        expected = filled(sample.outlines[0], (96, 64))
        assert expected.any()
        differs = (sample.infrared > 0.525) != expected
        assert not (differs & ~near_the_edge(expected, blurred)).any()


def test_outlines_stay_beside_their_boxes_whatever_is_drawn():
    always = ALWAYS.model_copy(update={"rotation": 0})
    sampler = TileSampler(coordinates(), tiles(scale=(0.8, 1.25)), always, seed=0)
    for index in range(40):
        sample = sampler.tile(Place(0, index % 3, (96, 64)), 1, index)
        # The outlines of this pair are its boxes, which the tile's edges cut and the outlines ignore.
        bounds = np.array([[*points.min(axis=0), *points.max(axis=0)] for points in sample.outlines]).reshape(-1, 4)
        assert np.allclose(np.clip(bounds, 0, [96, 64, 96, 64]), sample.boxes, atol=1e-3)


def test_clip_drops_boxes_of_which_little_is_left():
    boxes = np.array([[-6, 0, 4, 10], [-8, 0, 2, 10], [10, 0, 60, 50], [-40, 0, 20, 20]], dtype=np.float32)
    clipped, kept = clip(boxes, (20, 30))
    assert clipped.tolist() == [[0, 0, 4, 10], [0, 0, 2, 10], [10, 0, 20, 30], [0, 0, 20, 20]]
    assert kept.tolist() == [True, False, True, True]


def test_jitter_is_affine_in_temperature():
    rng = np.random.default_rng(0)
    sample = Sample(
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.full((7, 7, 3), 128, np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        (),
    )
    changed = jitter(sample, 40.0, rng)
    steps = np.diff(changed.infrared.ravel())
    assert np.allclose(steps, steps[0], atol=1e-5)
    assert 0.7 <= steps[0] <= 1.4
    assert abs(changed.infrared[0, 0]) <= 0.08 * 40 + 1e-5
    assert sample.visible.max() == 128


def test_plain_places_show_whole_images_as_they_are():
    changes = NEVER.model_copy(update={"diffused": 0.5, "noise": 1.0})
    sampler = TileSampler(coordinates(), tiles(per_epoch=40, plain=0.25), changes, seed=0)
    places = sampler.epoch(1)
    plain = [place for place in places if place.plain is not None]
    assert len(places) == 40 and len(plain) == 10
    assert {place.pair for place in plain} == {0, 1}
    assert {place.plain for place in plain} == {0, 1, 2}
    for place in plain:
        assert place.plain is not None
        tile, whole = sampler.tile(place, 1, 0), sampler.whole(place.pair, place.plain)
        assert tile.size == sampler.working_set.size
        assert (tile.infrared == whole.infrared).all() and (tile.boxes == sampler.working_set.boxes[place.pair]).all()


@pytest.mark.parametrize("method", ["oa_mix", "classic", "none"])
def test_only_the_papers_method_diffuses_whole_images(method):
    told = NEVER.model_copy(update={"method": method, "diffused": 1.0})
    places = TileSampler(coordinates(), tiles(per_epoch=20, plain=1.0), told, seed=0).epoch(1)
    assert {place.plain for place in places} == {0}
    hstd = told.model_copy(update={"method": "hstd"})
    places = TileSampler(coordinates(), tiles(per_epoch=20, plain=1.0), hstd, seed=0).epoch(1)
    assert {place.plain for place in places} == {1, 2}


def test_all_tiles_have_one_size_however_large_their_defects_are():
    sampler = TileSampler(coordinates(), tiles(per_epoch=40, plain=0.25), NEVER, seed=0)
    places = sampler.epoch(1)
    assert {place.size for place in places if place.plain is None} == {(96, 64)}
    # Type 3's second box, 200 pixels long, is among them and is shown in part.
    assert any(sampler.working_set.boxes[place.pair][place.box][2] == 300 for place in places if place.box == 1)
    assert {place.size for place in places if place.plain is not None} == {(WIDTH, HEIGHT)}
