import numpy as np
import pytest

from ddlivm.alignment.match import corner_distance
from ddlivm.alignment.search import BEYOND, SCALES, WIDTH, candidates, score_maps
from ddlivm.alignment.structure import resize, structure
from ddlivm.data import Transform
from tests.alignment.scene import INFRARED, VISIBLE, corner_error, draw

RIG = Transform(1.5, 38, 27, 0.0)


@pytest.fixture(scope="module")
def pair():
    return draw(RIG).evidence()


def test_a_map_holds_the_correlation_coefficients(pair):
    """Against a direct computation at one place inside the visible frame, without a spectrum."""
    scale = SCALES[10]
    scores = score_maps(pair)[10]
    size = (WIDTH, round(WIDTH * 0.8))
    seen = structure(resize(pair.visible, size), pair.visible_mask)
    width, height = round(scale * WIDTH), round(scale * WIDTH * 0.8)
    template = structure(resize(pair.infrared, (width, height)), pair.infrared_mask)
    x, y = 7, 5
    under = seen[y : y + height, x : x + width]
    expected = (under * template).sum() / np.sqrt(np.square(under).sum() * np.square(template).sum())
    assert scores[y + round(BEYOND * size[1]), x + round(BEYOND * WIDTH)] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("rig", [RIG, Transform(1.05, 80, 65), Transform(2.2, -15, -10)])
def test_the_right_place_is_among_the_first(rig: Transform):
    pair = draw(rig).evidence()
    found = candidates(score_maps(pair), pair, 4)
    assert min(corner_error(match.transform, rig) for match in found) < 6


def test_candidates_come_best_first_and_apart(pair):
    found = candidates(score_maps(pair), pair, 6)
    scores = [match.score for match in found]
    assert scores == sorted(scores, reverse=True)
    assert all(
        corner_distance(one.transform, other.transform, INFRARED) > 3
        for index, one in enumerate(found)
        for other in found[:index]
    )


def test_maps_of_equal_shapes_add_up(pair):
    maps, others = score_maps(pair), score_maps(draw(RIG, 1).evidence())
    assert [one.shape for one in maps] == [one.shape for one in others]
    assert len(maps) == len(SCALES)


def test_a_blank_pair_scores_nothing():
    drawn = draw(RIG)
    blank = type(drawn)(
        np.zeros(INFRARED[::-1], np.float32),
        np.zeros((VISIBLE[1], VISIBLE[0], 3), np.uint8),
        drawn.infrared_mask * 0,
        drawn.visible_mask * 0,
    ).evidence()
    maps = score_maps(blank.without_masks())
    assert max(float(np.abs(one).max()) for one in maps) < 1e-3
