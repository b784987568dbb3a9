import numpy as np
import pytest
from shapely.geometry import box as rectangle

from ddlivm.data import Detections
from ddlivm.data.boxes import Boxes, iou, iou_matrix, match, overlaps


def boxes(*rows: tuple[int, tuple[float, float, float, float], float, int]) -> Boxes:
    return Boxes.of((image, Detections.of([box], [score], [kind])) for image, box, score, kind in rows)


def test_iou_of_a_known_case():
    first = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [5, 5, 5, 5]])
    second = np.array([[5.0, 0, 15, 10], [10, 0, 20, 10], [5, 5, 5, 5]])
    np.testing.assert_allclose(iou(first, second), [1 / 3, 0, 0])


def test_iou_agrees_with_polygons():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (2, 60, 2))
    sides = rng.uniform(1, 40, (2, 60, 2))
    first, second = np.concatenate([corners, corners + sides], axis=2)
    shapes = [(rectangle(*a), rectangle(*b)) for a, b in zip(first, second, strict=True)]
    expected = [a.intersection(b).area / a.union(b).area for a, b in shapes]
    np.testing.assert_allclose(iou(first, second), expected, atol=1e-12)


def test_the_matrix_has_the_iou_of_every_box_with_every_other():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 20, (7, 2)).astype(np.float32)
    every = np.concatenate([corners, corners + 12], axis=1)
    matrix = iou_matrix(every[:3], every[3:])
    assert matrix.shape == (3, 4)
    expected = [[iou(a[None].astype(float), b[None].astype(float))[0] for b in every[3:]] for a in every[:3]]
    np.testing.assert_allclose(matrix, expected)
    assert iou_matrix(every[:0], every).shape == (0, 7)
    assert iou_matrix(every, every[:0]).shape == (7, 0)


def test_overlaps_join_only_boxes_of_one_image():
    predictions = boxes((7, (0, 0, 4, 4), 0.9, 0), (3, (0, 0, 4, 4), 0.8, 0), (5, (0, 0, 4, 4), 0.7, 0))
    truth = boxes((3, (0, 0, 4, 4), 1, 0), (7, (2, 0, 6, 4), 1, 0), (3, (100, 0, 104, 4), 1, 0))
    pairs = overlaps(predictions, truth)
    assert list(zip(pairs.prediction.tolist(), pairs.truth.tolist(), strict=True)) == [(0, 1), (1, 0)]
    np.testing.assert_allclose(pairs.iou, [1 / 3, 1])


def test_overlaps_of_nothing():
    empty = Boxes.of([])
    assert len(overlaps(empty, empty).iou) == 0
    assert len(overlaps(boxes((1, (0, 0, 1, 1), 1, 0)), empty).iou) == 0


def test_the_surer_prediction_takes_the_truth_that_both_want():
    truth = boxes((1, (0, 0, 10, 10), 1, 0), (1, (0, 4, 10, 14), 1, 0))
    # Both predictions overlap the first truth most; the second has to take what is left.
    predictions = boxes((1, (0, 0, 10, 10), 0.9, 0), (1, (0, 1, 10, 11), 0.5, 0))
    assert match(overlaps(predictions, truth), 2).tolist() == [0, 1]


def test_coco_results_round_trip():
    original = Detections.of([[1, 2, 11, 22]], [0.5], [3])
    read = Boxes.from_coco(original.to_coco(9))
    np.testing.assert_allclose(read.boxes, original.boxes)
    assert (read.images.tolist(), read.classes.tolist()) == ([9], [3])
    assert read.scores[0] == pytest.approx(0.5)
