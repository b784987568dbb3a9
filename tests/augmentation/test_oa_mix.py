"""OA-Mix: labels stay right, geometry is shared, tones are not, and what is dull keeps more of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.oa_mix import (
    LEVEL_AREA,
    Operation,
    draw_mixing,
    draw_operation,
    draw_region,
    dull_boxes,
    mixing_map,
    oa_mix,
    operate,
    soft_mask,
)
from ddlivm.augmentation.sample import Sample
from ddlivm.data import box_outlines

WIDTH, HEIGHT, SPAN = 96, 64, 40.0


def tile(seed: int = 0) -> Sample:
    """A noisy tile with a hot square and a box in which nothing is."""
    rng = np.random.default_rng(seed)
    infrared = rng.normal(0, 0.3, (HEIGHT, WIDTH)).astype(np.float32)
    visible = rng.integers(90, 110, (HEIGHT * 7 // 4, WIDTH * 7 // 4, 3)).astype(np.uint8)
    infrared[20:28, 60:72] += 30
    boxes = np.array([[60, 20, 72, 28], [8, 40, 16, 48]], np.float32)
    return Sample(infrared, visible, boxes, np.array([3, 5]), box_outlines(boxes))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_labels_stay_and_the_images_stay_in_range(seed: int) -> None:
    sample = tile()
    before = sample.infrared.copy(), sample.visible.copy()
    mixed = oa_mix(sample, SPAN, np.random.default_rng(seed))
    assert mixed.boxes is sample.boxes
    assert mixed.classes is sample.classes
    assert mixed.outlines is sample.outlines
    assert (mixed.infrared.shape, mixed.infrared.dtype) == (sample.infrared.shape, np.float32)
    assert (mixed.visible.shape, mixed.visible.dtype) == (sample.visible.shape, np.uint8)
    assert mixed.infrared.min() >= min(-SPAN / 2, sample.infrared.min()) - 1e-3
    assert mixed.infrared.max() <= max(SPAN / 2, sample.infrared.max()) + 1e-3
    assert (mixed.infrared != sample.infrared).any()
    np.testing.assert_array_equal(sample.infrared, before[0])
    np.testing.assert_array_equal(sample.visible, before[1])


def test_one_seed_one_tile() -> None:
    first, second, other = (oa_mix(tile(), SPAN, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.infrared, second.infrared)
    np.testing.assert_array_equal(first.visible, second.visible)
    assert (first.infrared != other.infrared).any()


def test_without_boxes_it_still_mixes() -> None:
    sample = tile().keep(np.array([False, False]))
    assert (oa_mix(sample, SPAN, np.random.default_rng(0)).infrared != sample.infrared).any()


def both(x0: int, y0: int, x1: int, y1: int) -> tuple[np.ndarray, np.ndarray]:
    """The same white rectangle in both modalities; corners are multiples of 4."""
    infrared = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    visible = np.zeros((HEIGHT * 7 // 4, WIDTH * 7 // 4, 3), np.float32)
    infrared[y0:y1, x0:x1] = 1
    visible[y0 * 7 // 4 : y1 * 7 // 4, x0 * 7 // 4 : x1 * 7 // 4] = 1
    return infrared, visible


def centroid(image: np.ndarray) -> np.ndarray:
    ys, xs = np.indices(image.shape[:2]) + 0.5
    weight = image[..., 0] / image[..., 0].sum()
    return np.array([(xs * weight).sum(), (ys * weight).sum()])


@given(seed=st.integers(0, 10_000), inside=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_moves_moves_alike_in_both_modalities(seed: int, inside: bool) -> None:
    rng = np.random.default_rng(seed)
    operation = next(
        drawn for drawn in iter(lambda: draw_operation(rng), None) if drawn.tones is None and drawn.inside == inside
    )
    images = both(44, 28, 52, 36)
    regions = [(24 / WIDTH, 8 / HEIGHT, 72 / WIDTH, 56 / HEIGHT)] if inside else []
    infrared, visible = (operate(image, operation, modality, regions) for modality, image in enumerate(images))
    np.testing.assert_allclose(centroid(infrared) * 7 / 4, centroid(visible), atol=1)


def test_a_shift_of_what_is_in_a_box_by_hand() -> None:
    infrared, _ = both(44, 28, 52, 36)
    region = (24 / WIDTH, 8 / HEIGHT, 72 / WIDTH, 56 / HEIGHT)
    moved = operate(infrared, Operation(None, np.eye(2), (0.25, -0.125), inside=True), 0, [region])
    np.testing.assert_allclose(moved, both(56, 22, 64, 30)[0], atol=1e-6)  # a quarter of 48, an eighth of 48
    untouched = np.ones((HEIGHT, WIDTH), dtype=bool)
    untouched[8:56, 24:72] = False
    assert (moved[untouched] == infrared[untouched]).all()


def test_moving_all_around_the_boxes_leaves_them() -> None:
    sample = tile()
    image = (sample.infrared[..., None] + 20) / np.float32(60)
    region = (60 / WIDTH, 20 / HEIGHT, 72 / WIDTH, 28 / HEIGHT)
    moved = operate(image, Operation(None, np.eye(2), (0.2, 0.1), inside=False), 0, [region])
    np.testing.assert_array_equal(moved[20:28, 60:72], image[20:28, 60:72])
    assert (moved[40:, :40] != image[40:, :40]).mean() > 0.9


def test_tones_are_drawn_for_each_modality() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_operation(rng) for _ in range(400)]
    tones = [operation.tones for operation in drawn if operation.tones is not None]
    assert len(tones) == pytest.approx(160, abs=40), "four operations of ten"
    assert np.mean([first[0] == second[0] for first, second in tones]) == pytest.approx(0.25, abs=0.12)
    assert all(first[1] != second[1] for first, second in tones)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_rectangles_are_inside_and_as_large_as_asked(seed: int) -> None:
    x0, y0, x1, y1 = draw_region(LEVEL_AREA, np.random.default_rng(seed))
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    assert LEVEL_AREA[0] - 1e-9 <= (x1 - x0) * (y1 - y0) <= LEVEL_AREA[1] + 1e-9
    assert 1 / 3 - 1e-9 <= (x1 - x0) / (y1 - y0) <= 3 + 1e-9


def test_a_soft_mask_is_whole_inside_and_nothing_far_away() -> None:
    mask = soft_mask((0.25, 0.25, 0.75, 0.75), (96, 64))
    assert mask.shape == (64, 96)
    assert mask[32, 48] > 0.75
    assert mask[0, 0] < 0.05
    assert 0.3 < mask[16, 48] < 0.7


def test_a_dull_box_keeps_at_least_half_of_itself() -> None:
    sample = tile()
    assert dull_boxes(sample).tolist() == [False, True]
    region = (8 / WIDTH, 40 / HEIGHT, 16 / WIDTH, 48 / HEIGHT)
    for seed in range(40):
        everywhere, regions = draw_mixing([region], np.random.default_rng(seed))
        assert 0 <= everywhere <= 1
        assert regions[-1][0] == region
        assert regions[-1][1] <= 0.5
        share = mixing_map((everywhere, regions), (WIDTH, HEIGHT))
        assert 0 <= share.min() <= share.max() <= 1
    np.testing.assert_allclose(mixing_map((0.3, []), (WIDTH, HEIGHT)), 0.3)
