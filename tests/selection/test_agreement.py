"""How far heads agree, on boxes whose overlaps are known by hand."""

import numpy as np
import pytest

from ddlivm.data import Detections
from ddlivm.selection.agreement import agreements

SQUARE = [0, 0, 10, 10]
HALF = [0, 0, 10, 5]
FAR = [50, 50, 60, 60]


def of(*boxes: list[int], kind: int = 1) -> Detections:
    return Detections.of(list(boxes), [0.9] * len(boxes), [kind] * len(boxes))


def test_a_detection_is_worth_what_the_other_heads_find_of_it() -> None:
    found = agreements({"a": of(SQUARE, FAR), "b": of(SQUARE), "c": of(HALF)})
    assert found["a"] == pytest.approx([(1 + 0.5) / 2, 0])
    assert found["b"] == pytest.approx([(1 + 0.5) / 2])
    assert found["c"] == pytest.approx([0.5])


def test_another_type_in_the_same_place_is_no_agreement() -> None:
    found = agreements({"a": of(SQUARE), "b": of(SQUARE, kind=2)})
    assert (found["a"], found["b"]) == ([0], [0])


def test_a_head_that_finds_nothing_has_no_score_and_lowers_the_others() -> None:
    found = agreements({"a": of(SQUARE), "b": of(SQUARE), "c": Detections.empty()})
    assert set(found) == {"a", "b"}
    np.testing.assert_allclose(found["a"], 0.5)


def test_a_head_alone_agrees_with_nobody() -> None:
    assert agreements({"a": of(SQUARE)}) == {}
    assert agreements({}) == {}
