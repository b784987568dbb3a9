"""Pastes are near the detection, never on one, and inside the image."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.selection.paste import Spot, paste

Box = tuple[int, int, int, int]


def covered(shape: tuple[int, int], *boxes: Box) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


@given(
    x0=st.integers(0, 90),
    y0=st.integers(0, 70),
    side=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    other=st.tuples(st.integers(0, 99), st.integers(0, 79)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    window=st.floats(4, 80),
    seed=st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_no_detection_is_touched_and_the_centre_is_in_the_window_or_beside_the_box(
    x0: int,
    y0: int,
    side: tuple[int, int],
    other: tuple[int, int],
    size: tuple[int, int],
    window: float,
    seed: int,
) -> None:
    values = np.full((80, 100), 30, dtype=np.float32)
    x1, y1 = min(x0 + side[0], 100), min(y0 + side[1], 80)
    taken = covered((80, 100), (x0, y0, x1, y1), (*other, other[0] + 12, other[1] + 12))
    excess = np.full(size[::-1], 20, dtype=np.float32)
    spot = Spot((x0, y0, x1, y1), (window, window))
    left, top = paste(values, excess, np.ones(excess.shape, dtype=bool), spot, taken, np.random.default_rng(seed))
    beside = x1 - x0 + size[0], y1 - y0 + size[1]
    wide = max(window, beside[0]) if min(beside) > window else window
    high = max(window, beside[1]) if min(beside) > window else window
    assert abs(left + size[0] / 2 - (x0 + x1) / 2) <= wide / 2 + 0.5
    assert abs(top + size[1] / 2 - (y0 + y1) / 2) <= high / 2 + 0.5
    expected = covered((80, 100), (max(left, 0), max(top, 0), max(left + size[0], 0), max(top + size[1], 0)))
    np.testing.assert_array_equal(values == 50, expected & ~taken)
    np.testing.assert_array_equal(values == 30, ~(expected & ~taken))


@given(
    box=st.tuples(st.integers(300, 340), st.integers(250, 270), st.integers(1, 200), st.integers(1, 150)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 5),
)
@settings(max_examples=100, deadline=None)
def test_the_whole_cut_out_is_pasted_however_large_the_detection_is(box: Box, size: tuple[int, int], seed: int) -> None:
    spot = Spot((box[0], box[1], box[0] + box[2], box[1] + box[3]), (50, 50))
    values, mask = np.zeros((512, 640), dtype=np.float32), np.ones(size[::-1], dtype=bool)
    taken = covered((512, 640), spot.box)
    paste(values, mask.astype(np.float32), mask, spot, taken, np.random.default_rng(seed))
    assert values.sum() == mask.size
    assert not values[taken].any()


def test_a_neighbour_is_kept_clear_where_there_is_room_elsewhere() -> None:
    mask = np.ones((8, 8), dtype=bool)
    boxes = ((45, 45, 55, 55), (60, 40, 90, 90))
    for seed in range(30):
        values = np.zeros((100, 100), dtype=np.float32)
        spot, taken = Spot(boxes[0], (50, 50)), covered((100, 100), *boxes)
        paste(values, mask.astype(np.float32), mask, spot, taken, np.random.default_rng(seed))
        assert values.sum() == 64
        assert not values[taken].any()


def test_a_detection_without_room_around_it_is_left_alone() -> None:
    values, mask = np.zeros((20, 20), dtype=np.float32), np.ones((8, 8), dtype=bool)
    spot = Spot((0, 0, 20, 20), (10, 10))
    paste(values, mask.astype(np.float32), mask, spot, covered((20, 20), spot.box), np.random.default_rng(0))
    assert not values.any()


def test_at_the_corner_of_the_image_it_is_still_whole() -> None:
    for seed in range(20):
        values = np.zeros((60, 60), dtype=np.float32)
        mask, spot = np.ones((8, 8), dtype=bool), Spot((0, 0, 6, 6), (50, 50))
        taken = covered((60, 60), spot.box)
        paste(values, mask.astype(np.float32), mask, spot, taken, np.random.default_rng(seed))
        assert values.sum() == 64


def test_places_vary_and_only_the_mask_is_pasted() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[2:4] = True
    excess, spot = np.full((6, 6), 3, np.float32), Spot((48, 48, 52, 52), (50, 50))
    taken, places = covered((100, 100), spot.box), set()
    for seed in range(30):
        values = np.zeros((100, 100), dtype=np.float32)
        places.add(paste(values, excess, mask, spot, taken, np.random.default_rng(seed)))
        assert values.sum() == 3 * 12
    assert len(places) > 20
