"""Reading 24: the best same-class IoU after the perturbation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.data import Detections
from ddlivm.data.boxes import iou_matrix
from ddlivm.selection.robustness import held


def test_each_detection_takes_the_best_overlap_of_its_class() -> None:
    before = Detections.of([[0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]], [0.9] * 3, [1, 2, 3])
    after = Detections.of(
        [[0, 0, 10, 5], [0, 0, 10, 9], [20, 20, 30, 30], [50, 50, 60, 60]], [0.9, 0.5, 0.9, 0.9], [1, 1, 1, 3]
    )
    np.testing.assert_allclose(held(before, after), [0.9, 0, 1])


def test_nothing_found_again_is_zero_and_nothing_before_is_nothing() -> None:
    one = Detections.of([[0, 0, 4, 4]], [1], [0])
    np.testing.assert_array_equal(held(one, Detections.empty()), [0])
    assert held(Detections.empty(), one).shape == (0,)


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test_iou_counts_pixels(corners: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in corners], np.float32)
    result = iou_matrix(boxes, boxes)
    for i, first in enumerate(boxes.astype(int)):
        for j, second in enumerate(boxes.astype(int)):
            masks = np.zeros((2, 13, 13), dtype=bool)
            for mask, (x0, y0, x1, y1) in zip(masks, (first, second), strict=True):
                mask[y0:y1, x0:x1] = True
            union = (masks[0] | masks[1]).sum()
            assert result[i, j] == pytest.approx((masks[0] & masks[1]).sum() / union if union else 0)
