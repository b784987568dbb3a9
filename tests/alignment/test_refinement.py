from dataclasses import replace

import pytest

from ddlivm.alignment.refinement import Level, refine, visible_structure
from ddlivm.data import Transform
from tests.alignment.scene import corner_error, draw

RIG = Transform(1.5, 38, 27, 0.4)
GUESS = Transform(1.475, 41, 25, 0.0)


@pytest.fixture(scope="module")
def levels():
    return [level_of(RIG, seed) for seed in range(2)]


def level_of(rig: Transform, seed: int) -> Level:
    pair = draw(rig, seed).evidence().without_masks()
    return Level.of(pair, visible_structure(pair, 320), rig.scale)


@pytest.mark.parametrize("guess", [GUESS, Transform(1.53, 35, 24, -0.3), Transform(1.5, 35, 30, 0.4)])
def test_a_rough_guess_is_refined_in_offset_scale_and_rotation(levels, guess: Transform):
    assert corner_error(guess, RIG) > 1.5
    found = refine(levels, guess, steps=10)
    assert corner_error(found.transform, RIG) < 0.5
    assert found.transform.scale == pytest.approx(RIG.scale, rel=0.005)
    assert found.transform.rotation_deg == pytest.approx(RIG.rotation_deg, abs=0.15)


def test_without_steps_the_guess_stays(levels):
    assert refine(levels, GUESS, steps=0).transform == GUESS


def test_more_steps_never_score_worse(levels):
    scores = [refine(levels, GUESS, steps).score for steps in range(6)]
    assert scores == sorted(scores)


def test_the_score_is_a_correlation_coefficient(levels):
    here, there = levels[0].compare(RIG)[0], levels[0].compare(Transform(0.9, 90, 70))[0]
    assert 0.5 < here <= 1
    assert there < 0.5 * here
    own = replace(levels[0], seen=levels[0].template, from_visible=levels[0].from_infrared)
    assert own.compare(Transform(1, 0, 0))[0] == pytest.approx(1, abs=1e-5)


def test_the_steps_follow_the_slope_of_the_correlation(levels):
    """Move the guess a little along each axis: the right side points back."""
    own = replace(levels[0], seen=levels[0].template, from_visible=levels[0].from_infrared)
    for axis, moved in enumerate((Transform(1, 1.0, 0), Transform(1, 0, 1.0))):
        assert own.compare(moved)[1][axis] > 0
