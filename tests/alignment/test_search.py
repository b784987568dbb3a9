import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.alignment.search import BEYOND, COARSE_WIDTH, peak, search
from ddlivm.data import Transform
from tests.alignment.scene import VISIBLE, corner_error, draw

between = st.floats(-0.5, 0.5)


@given(dx=between, dy=between, bend=st.floats(0.01, 10))
def test_a_parabola_peaks_where_it_does(dx: float, dy: float, bend: float):
    ys, xs = np.mgrid[:9, :11]
    score = (1 - bend * ((xs - 5 - dx) ** 2 + 2 * (ys - 4 - dy) ** 2)).astype(np.float32)
    assert peak(score, 5, 4) == pytest.approx((5 + dx, 4 + dy), abs=0.01)


def test_a_peak_at_the_border_or_on_a_plateau_is_the_pixel_itself():
    ramp = np.tile(np.arange(6, dtype=np.float32), (5, 1))
    assert peak(ramp, 5, 2) == (5, 2)
    assert peak(ramp, 0, 0) == (0, 0)
    assert peak(np.ones((5, 6), np.float32), 3, 2) == (3, 2)


def test_a_peak_never_moves_more_than_half_a_pixel():
    score = np.zeros((5, 5), np.float32)
    score[2, 2], score[2, 3] = 1, 0.999999
    x, y = peak(score, 2, 2)
    assert (x, y) == pytest.approx((2.5, 2), abs=0.01)


@pytest.mark.parametrize("structure_weight", [0.5, 1.0])
def test_the_best_match_is_near_the_truth(structure_weight: float):
    rig = Transform(1.5, 38, 27)
    pairs = [draw(rig, seed).evidence(str(seed)) for seed in range(2)]
    found = search(pairs, [1.2, 1.5, 1.9], structure_weight)
    assert found[0].transform.scale == 1.5
    coarse = VISIBLE[0] / COARSE_WIDTH / rig.scale  # raw infrared pixels for one of the search
    assert corner_error(found[0].transform, rig) < 1.5 * coarse
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    assert -1 <= found[-1].score <= found[0].score <= 1


def test_the_infrared_frame_may_leave_the_visible_one():
    beyond = Transform(1.5, -0.1 * VISIBLE[0], 0.02 * VISIBLE[1])
    assert abs(beyond.offset_x) < BEYOND * VISIBLE[0]
    found = search([draw(beyond, seed).evidence(str(seed)) for seed in range(3)], [1.5], 0.5)
    assert corner_error(found[0].transform, beyond) < 2


def test_no_scales_no_matches_and_at_most_as_many_as_asked():
    pairs = [draw(Transform(1.5, 38, 27)).evidence()]
    assert search(pairs, [], 0.5) == []
    assert len(search(pairs, [1.4, 1.5], 0.5, most=3)) == 3
