"""Pastes are near the detection, never on it, and inside the image."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.selection.paste import Spot, paste


@given(
    x0=st.integers(0, 90),
    y0=st.integers(0, 70),
    side=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    window=st.floats(4, 80),
    seed=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_the_detection_is_untouched_and_the_centre_is_in_the_window(
    x0: int, y0: int, side: tuple[int, int], size: tuple[int, int], window: float, seed: int
) -> None:
    values = np.full((80, 100), 30, dtype=np.float32)
    x1, y1 = min(x0 + side[0], 100), min(y0 + side[1], 80)
    excess = np.full(size[::-1], 20, dtype=np.float32)
    spot = Spot((x0, y0, x1, y1), (window, window))
    left, top = paste(values, excess, np.ones(excess.shape, dtype=bool), spot, np.random.default_rng(seed))
    assert (values[y0:y1, x0:x1] == 30).all()
    assert abs(left + size[0] / 2 - (x0 + x1) / 2) <= window / 2 + 0.5
    assert abs(top + size[1] / 2 - (y0 + y1) / 2) <= window / 2 + 0.5
    expected = np.zeros(values.shape, dtype=bool)
    expected[max(top, 0) : max(top + size[1], 0), max(left, 0) : max(left + size[0], 0)] = True
    expected[y0:y1, x0:x1] = False
    np.testing.assert_array_equal(values == 50, expected)


def test_where_the_window_has_room_the_whole_cut_out_is_pasted() -> None:
    for seed in range(50):
        values = np.zeros((100, 100), dtype=np.float32)
        excess, mask = np.ones((8, 10), np.float32), np.ones((8, 10), dtype=bool)
        paste(values, excess, mask, Spot((45, 45, 55, 55), (50, 50)), np.random.default_rng(seed))
        assert values.sum() == 80


def test_at_the_corner_of_the_image_it_is_still_whole() -> None:
    for seed in range(20):
        values = np.zeros((60, 60), dtype=np.float32)
        mask = np.ones((8, 8), dtype=bool)
        paste(values, mask.astype(np.float32), mask, Spot((0, 0, 6, 6), (50, 50)), np.random.default_rng(seed))
        assert values.sum() == 64


def test_places_vary_and_only_the_mask_is_pasted() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[2:4] = True
    places = set()
    for seed in range(30):
        values = np.zeros((100, 100), dtype=np.float32)
        places.add(
            paste(
                values,
                np.full((6, 6), 3, np.float32),
                mask,
                Spot((48, 48, 52, 52), (50, 50)),
                np.random.default_rng(seed),
            )
        )
        assert values.sum() == 3 * 12
    assert len(places) > 20
