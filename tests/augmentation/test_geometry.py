"""A drawn square follows its box through every transformation, in both modalities."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.geometry import altitude_crop, flip_horizontal, flip_vertical, rotate
from ddlivm.augmentation.photometry import add_noise, cutout
from ddlivm.augmentation.sample import Sample
from ddlivm.data import box_outlines
from tests.augmentation.polygons import TRIANGLES, filled, near_the_edge

WIDTH, HEIGHT = 96, 64


def square(x0: int, y0: int, x1: int, y1: int) -> Sample:
    """A tile with one hot, white rectangle that its box bounds; corners are multiples of 4, whole in both images."""
    infrared = np.full((HEIGHT, WIDTH), 20, dtype=np.float32)
    visible = np.zeros((HEIGHT * 7 // 4, WIDTH * 7 // 4, 3), dtype=np.uint8)
    infrared[y0:y1, x0:x1] = 60
    visible[y0 * 7 // 4 : y1 * 7 // 4, x0 * 7 // 4 : x1 * 7 // 4] = 200
    boxes = np.array([[x0, y0, x1, y1]], np.float32)
    return Sample(infrared, visible, boxes, np.array([3]), box_outlines(boxes))


def drawn_box(hot: np.ndarray) -> tuple[float, ...]:
    ys, xs = np.nonzero(hot)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


@pytest.mark.parametrize("turn", [flip_horizontal, flip_vertical])
@given(x0=st.integers(0, 22), y0=st.integers(0, 14), width=st.integers(1, 10), height=st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_a_square_follows_its_box_when_flipped(
    turn: Callable[[Sample], Sample], x0: int, y0: int, width: int, height: int
) -> None:
    sample = square(4 * x0, 4 * y0, min(4 * (x0 + width), WIDTH), min(4 * (y0 + height), HEIGHT))
    turned = turn(sample)
    assert drawn_box(turned.infrared > 40) == tuple(turned.boxes[0])
    assert drawn_box(turned.visible[..., 0] > 100) == pytest.approx(tuple(turned.boxes[0] * 7 / 4))
    again = turn(turned)
    np.testing.assert_array_equal(again.infrared, sample.infrared)
    np.testing.assert_array_equal(again.boxes, sample.boxes)


def test_flips_are_the_mirror_images_computed_by_hand() -> None:
    sample = square(4, 8, 12, 20)
    assert tuple(flip_horizontal(sample).boxes[0]) == (84, 8, 92, 20)
    assert tuple(flip_vertical(sample).boxes[0]) == (4, 44, 12, 56)


@given(
    x0=st.integers(5, 15),
    y0=st.integers(3, 10),
    width=st.integers(1, 5),
    height=st.integers(1, 3),
    degrees=st.floats(-180, 180),
)
@settings(max_examples=60, deadline=None)
def test_a_square_follows_its_box_when_turned(x0: int, y0: int, width: int, height: int, degrees: float) -> None:
    sample = square(4 * x0, 4 * y0, min(4 * (x0 + width), WIDTH), min(4 * (y0 + height), HEIGHT))
    turned = rotate(sample, degrees)
    inside = (turned.boxes > 1).all() and (turned.boxes < np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) - 1).all()
    if len(turned.boxes) and inside:
        # Half of a corner's pixel is less than half hot.
        np.testing.assert_allclose(drawn_box(turned.infrared > 35), turned.boxes[0], atol=1.5)
        np.testing.assert_allclose(drawn_box(turned.visible[..., 0] > 60), turned.boxes[0] * 7 / 4, atol=2)
    np.testing.assert_array_equal(sample.infrared, square(*(int(v) for v in sample.boxes[0])).infrared)


def test_a_turned_box_by_hand() -> None:
    # A quarter turn about (48, 32) takes (x, y) to (80 - y, x - 16); 45 degrees widen a square by the root of 2.
    np.testing.assert_allclose(rotate(square(40, 28, 48, 32), 90).boxes, [[48, 24, 52, 32]], atol=1e-4)
    half = 8 / np.sqrt(2)
    expected = [[48 - half, 32 - half, 48 + half, 32 + half]]
    np.testing.assert_allclose(rotate(square(44, 28, 52, 36), 45).boxes, expected, atol=1e-4)


def test_a_box_that_is_turned_out_of_the_tile_is_dropped_and_what_comes_in_is_the_mean() -> None:
    sample = square(0, 0, 8, 8)
    turned = rotate(sample, 90)  # the tile is wider than high: its left and right ends leave it
    assert turned.boxes.shape == (0, 4)
    assert turned.outlines == ()
    np.testing.assert_allclose(turned.infrared[:, :10], sample.infrared.mean(), rtol=1e-5)


@pytest.mark.parametrize("degrees", [-170, -30, 7, 90])
@pytest.mark.parametrize("points", TRIANGLES)
def test_an_outline_is_turned_as_its_image_is(degrees: float, points: np.ndarray) -> None:
    turned = rotate(drawn(points / 2 + [24, 16]), degrees)
    expected = filled(turned.outlines[0], (WIDTH, HEIGHT))
    differs = (turned.infrared > 0.5) != expected
    assert not (differs & ~near_the_edge(expected, 1)).any()
    low, high = turned.outlines[0].min(axis=0), turned.outlines[0].max(axis=0)
    np.testing.assert_allclose([*low, *high], turned.boxes[0], atol=1e-3)


def test_what_an_outline_has_beyond_its_box_does_not_widen_the_turned_box() -> None:
    sample = square(40, 28, 48, 32)
    far = np.array([[40, 28], [400, 28], [400, 32], [40, 32]], np.float32)
    turned = rotate(replace(sample, outlines=(far,)), 0)
    np.testing.assert_allclose(turned.boxes, sample.boxes, atol=1e-5)


@pytest.mark.parametrize(("tiles", "column", "row"), [(2, 0, 0), (2, 1, 0), (2, 0, 1), (3, 1, 1), (3, 2, 2)])
def test_a_square_follows_its_box_into_the_enlarged_part(tiles: int, column: int, row: int) -> None:
    x0, y0 = round(column * WIDTH / tiles) + 12, round(row * HEIGHT / tiles) + 8
    x0, y0 = x0 // 4 * 4, y0 // 4 * 4
    crop = altitude_crop(square(x0, y0, x0 + 8, y0 + 8), tiles, column, row)
    assert crop.infrared.shape == (HEIGHT, WIDTH)
    assert crop.visible.shape == (HEIGHT * 7 // 4, WIDTH * 7 // 4, 3)
    box = crop.boxes[0]
    np.testing.assert_allclose(box[2:] - box[:2], 8 * tiles, rtol=1e-5)
    np.testing.assert_allclose(drawn_box(crop.infrared > 40), box, atol=1)
    np.testing.assert_allclose(drawn_box(crop.visible[..., 0] > 100), box * 7 / 4, atol=1)


@pytest.mark.parametrize(("x0", "kept"), [(40, True), (44, True), (46, False), (48, False)])
def test_a_box_with_less_than_three_tenths_left_is_dropped(x0: int, kept: bool) -> None:
    sample = square(20, 20, 28, 28)
    boxes = np.array([[x0, 8, x0 + 8, 16]], np.float32)  # the left half ends at 48
    crop = altitude_crop(replace(sample, boxes=boxes, outlines=box_outlines(boxes)), 2, 0, 0)
    assert len(crop.boxes) == len(crop.classes) == len(crop.outlines) == int(kept)
    if kept:
        assert crop.boxes[0, 2] == min(2 * (x0 + 8), WIDTH)


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="2x2"):
        altitude_crop(square(4, 4, 8, 8), 2, 2, 0)


def test_no_boxes_stay_no_boxes() -> None:
    sample = square(4, 4, 8, 8)
    bare = sample.keep(np.array([False]))
    for turned in (
        flip_horizontal(bare),
        rotate(bare, 8),
        altitude_crop(bare, 3, 0, 2),
        cutout(bare, np.random.default_rng(0)),
    ):
        assert turned.boxes.shape == (0, 4)
        assert turned.outlines == ()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_cutout_hides_the_same_ground_and_drops_what_it_covers(seed: int) -> None:
    sample = square(8, 8, 16, 16)
    cut = cutout(sample, np.random.default_rng(seed), maximum_side=0.6)
    hidden = cut.infrared != sample.infrared
    x0, y0, x1, y1 = (int(value) for value in drawn_box(hidden))
    hole = np.zeros_like(sample.visible[..., 0], dtype=bool)
    hole[y0 * 7 // 4 : y1 * 7 // 4, x0 * 7 // 4 : x1 * 7 // 4] = True
    assert ((cut.visible != sample.visible).any(axis=2) == hole).all()
    covered = hidden[8:16, 8:16].mean()
    assert len(cut.boxes) == len(cut.outlines) == int(covered <= 0.7)


def drawn(points: np.ndarray) -> Sample:
    """A tile whose infrared image is 1 inside a polygon, else 0."""
    boxes = np.concatenate([points.min(axis=0), points.max(axis=0)])[None]
    visible = np.zeros((HEIGHT * 7 // 4, WIDTH * 7 // 4, 3), dtype=np.uint8)
    return Sample(filled(points, (WIDTH, HEIGHT)).astype(np.float32), visible, boxes, np.array([3]), (points,))


@pytest.mark.parametrize("turn", [flip_horizontal, flip_vertical])
@pytest.mark.parametrize("points", TRIANGLES)
def test_an_outline_is_mirrored_as_its_image_is(turn: Callable[[Sample], Sample], points: np.ndarray) -> None:
    turned = turn(drawn(points))
    np.testing.assert_array_equal(turned.infrared > 0.5, filled(turned.outlines[0], (WIDTH, HEIGHT)))
    low, high = turned.outlines[0].min(axis=0), turned.outlines[0].max(axis=0)
    np.testing.assert_allclose([*low, *high], turned.boxes[0], rtol=1e-6)


def test_a_mirrored_outline_by_hand() -> None:
    (points,) = flip_horizontal(drawn(np.array([[4, 8], [12, 8], [4, 20]], np.float32))).outlines
    assert points.tolist() == [[92, 8], [84, 8], [92, 20]]
    assert points.dtype == np.float32


@pytest.mark.parametrize(("tiles", "column", "row"), [(2, 0, 0), (2, 1, 1), (3, 0, 1), (3, 1, 1)])
@pytest.mark.parametrize("points", TRIANGLES)
def test_an_outline_follows_its_image_into_the_enlarged_part(
    tiles: int, column: int, row: int, points: np.ndarray
) -> None:
    part = np.array([[column, row, column + 1, row + 1]]) * [WIDTH, HEIGHT, WIDTH, HEIGHT] / tiles
    crop = altitude_crop(replace(drawn(points), boxes=part.astype(np.float32)), tiles, column, row)
    expected = filled(crop.outlines[0], (WIDTH, HEIGHT))
    assert expected.any()
    differs = (crop.infrared > 0.5) != expected
    assert not (differs & ~near_the_edge(expected, tiles)).any()


def test_noise_has_the_asked_standard_deviations_and_keeps_the_boxes() -> None:
    sample = square(4, 4, 8, 8)
    noisy = add_noise(sample, np.random.default_rng(1), infrared_sigma=0.5, visible_sigma=6)
    assert np.std(noisy.infrared - sample.infrared) == pytest.approx(0.5, rel=0.05)
    bright = sample.visible == 200
    assert np.std(noisy.visible[bright].astype(float)) == pytest.approx(6, rel=0.2)
    np.testing.assert_array_equal(noisy.boxes, sample.boxes)
    assert noisy.infrared.dtype == np.float32
    assert noisy.visible.dtype == np.uint8
