"""One detection a place, by hand: boxes are 10 pixels wide, so that a shift of 2 pixels gives an IoU of 2 / 3."""

import numpy as np
import pytest

from ddlivm.data import Detections, load_taxonomy
from ddlivm.detector.duplicates import resolve_duplicates

TYPES = len(load_taxonomy())


def boxes(*lefts):
    return [(left, 0, left + 10, 10) for left in lefts]


def others(**scores):
    row = np.zeros(TYPES, np.float32)
    for kind, score in scores.items():
        row[int(kind.removeprefix("type"))] = score
    return row


def resolved(lefts, scores, classes, overlap=0.5):
    return resolve_duplicates(Detections.of(boxes(*lefts), scores, classes), overlap)


def test_the_best_type_stays_and_the_others_become_its_alternatives():
    found = resolved([0, 1, 2, 50], [0.4, 0.9, 0.3, 0.6], [2, 5, 7, 2])
    assert found.boxes.tolist() == [[1, 0, 11, 10], [50, 0, 60, 10]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.classes.tolist() == [5, 2]
    assert found.alternatives is not None
    assert np.array_equal(found.alternatives, [others(type2=0.4, type7=0.3), others()])


def test_a_type_that_was_detected_twice_at_a_place_counts_by_its_best_score():
    found = resolved([0, 1, 2], [0.9, 0.5, 0.7], [5, 2, 2])
    assert found.alternatives is not None
    assert np.array_equal(found.alternatives, [others(type2=0.7)])


def test_detections_of_one_type_that_overlap_are_resolved_too():
    found = resolved([0, 2], [0.5, 0.8], [3, 3])
    assert found.boxes.tolist() == [[2, 0, 12, 10]]
    assert found.alternatives is not None
    assert not found.alternatives.any(), "no type is its own alternative"


def test_only_what_overlaps_more_than_that_is_at_one_place():
    """Shifted by 5 of 10 pixels, boxes have an IoU of a third."""
    assert len(resolved([0, 5], [0.9, 0.8], [1, 2], overlap=0.34)) == 2
    assert len(resolved([0, 5], [0.9, 0.8], [1, 2], overlap=0.33)) == 1
    assert len(resolved([0, 10], [0.9, 0.8], [1, 2], overlap=0.0)) == 2, "they touch"


def test_in_a_chain_a_detection_goes_with_the_best_one_that_it_overlaps_itself():
    """A and C each overlap B but not each other: what is suppressed suppresses nothing."""
    found = resolved([0, 4, 8], [0.9, 0.8, 0.7], [1, 2, 3], overlap=0.4)
    assert found.boxes[:, 0].tolist() == [0, 8]
    assert found.alternatives is not None
    assert np.array_equal(found.alternatives, [others(type2=0.8), others()])
    found = resolved([0, 4, 8], [0.8, 0.7, 0.9], [1, 2, 3], overlap=0.4)
    assert found.boxes[:, 0].tolist() == [8, 0]
    assert found.alternatives is not None
    assert np.array_equal(found.alternatives, [others(type2=0.7), others()])
    middle = resolved([0, 4, 8], [0.8, 0.9, 0.7], [1, 2, 3], overlap=0.4)
    assert middle.boxes[:, 0].tolist() == [4]


def test_what_stays_is_in_order_of_scores_and_equals_keep_theirs():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, 30) / 4
    found = resolved(20 * np.arange(30), scores, rng.integers(0, TYPES, 30))
    expected = sorted(range(30), key=lambda index: (-scores[index], index))
    assert found.boxes[:, 0].tolist() == [20 * index for index in expected]
    first, second = resolved([0, 1], [0.5, 0.5], [4, 6]), resolved([1, 0], [0.5, 0.5], [6, 4])
    assert (first.classes.tolist(), second.classes.tolist()) == ([4], [6])


def test_nothing_stays_nothing():
    found = resolve_duplicates(Detections.empty(), 0.5)
    assert len(found) == 0
    assert found.alternatives is not None
    assert found.alternatives.shape == (0, TYPES)


def test_a_second_time_it_finds_nothing_to_resolve():
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 40, (60, 2))
    once = resolve_duplicates(
        Detections.of(np.hstack([corners, corners + 12]), rng.uniform(0, 1, 60), rng.integers(0, TYPES, 60)), 0.4
    )
    assert 1 < len(once) < 60
    again = resolve_duplicates(once, 0.4)
    assert np.array_equal(again.boxes, once.boxes)
    assert np.array_equal(again.scores, once.scores)
