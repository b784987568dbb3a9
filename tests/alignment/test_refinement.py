import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.alignment.refinement import refine, residual, shifted
from ddlivm.data import Transform
from tests.alignment.scene import corner_error, draw

RIG = Transform(1.5, 38, 27, 0.4)
transforms = st.builds(Transform, st.floats(0.2, 8), st.floats(-500, 500), st.floats(-500, 500), st.floats(-180, 180))
steps = st.tuples(st.floats(-50, 50), st.floats(-50, 50))
points = st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000))


@pytest.fixture(scope="module")
def pairs():
    return [draw(RIG, seed).evidence(str(seed)) for seed in range(2)]


@given(transform=transforms, step=steps, point=points)
def test_moved_content_lands_where_it_lay(transform: Transform, step: tuple[float, float], point: tuple[float, float]):
    moved = shifted(transform, step).to_visible([np.add(point, step)])
    np.testing.assert_allclose(moved, transform.to_visible([point]), atol=1e-6)


@given(transform=transforms, first=steps, second=steps)
def test_shifts_add_up_and_undo(transform: Transform, first: tuple[float, float], second: tuple[float, float]):
    both = shifted(shifted(transform, first), second)
    at_once = shifted(transform, (first[0] + second[0], first[1] + second[1]))
    np.testing.assert_allclose(both.matrix, at_once.matrix, atol=1e-6)
    back = shifted(shifted(transform, first), (-first[0], -first[1]))
    np.testing.assert_allclose(back.matrix, transform.matrix, atol=1e-6)


@given(transform=transforms, step=steps)
def test_a_shift_keeps_scale_and_rotation(transform: Transform, step: tuple[float, float]):
    moved = shifted(transform, step)
    assert (moved.scale, moved.rotation_deg) == (transform.scale, transform.rotation_deg)


@pytest.mark.parametrize("step", [(0.0, 0.0), (3.0, -2.0), (-6.5, 4.25), (0.5, 7.0)])
def test_a_residual_is_what_a_transform_was_moved_by(pairs, step: tuple[float, float]):
    found = residual(pairs[0], shifted(RIG, step))
    assert found.offset == pytest.approx((-step[0], -step[1]), abs=0.35)
    assert found.moved >= found.here
    assert corner_error(shifted(shifted(RIG, step), found.offset), RIG) < 0.5


def test_a_residual_beyond_reach_is_not_confirmed(pairs):
    right = residual(pairs[0], RIG)
    assert right.moved > 0.5
    assert residual(pairs[0], Transform(0.9, 90, 70)).moved < 0.5 * right.moved


def test_a_rough_guess_is_refined_in_offset_scale_and_rotation(pairs):
    guess = Transform(1.475, 41, 25, 0.0)
    assert corner_error(guess, RIG) > 1.5
    found = refine(pairs, guess)
    assert corner_error(found.transform, RIG) < 0.6
    assert found.transform.scale == pytest.approx(RIG.scale, rel=0.005)
    assert found.transform.rotation_deg == pytest.approx(RIG.rotation_deg, abs=0.25)


def test_without_rounds_scale_and_rotation_stay(pairs):
    found = refine(pairs, Transform(1.49, 41, 25, 0.1), rounds=0)
    assert (found.transform.scale, found.transform.rotation_deg) == (1.49, 0.1)
    assert corner_error(found.transform, RIG) < corner_error(Transform(1.49, 41, 25, 0.1), RIG)


def test_refining_never_scores_worse(pairs):
    for guess in (RIG, Transform(1.52, 35, 29, 0.0), Transform(1.44, 45, 30, 1.0)):
        assert refine(pairs, guess).score >= refine(pairs, guess, rounds=0).score
