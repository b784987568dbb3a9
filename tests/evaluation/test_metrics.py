import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.data import load_taxonomy
from ddlivm.data.boxes import Boxes, correct
from ddlivm.evaluation.metrics import interpolated_precision, mean_over_sites, measure
from tests.data.test_boxes import boxes

NAMES = load_taxonomy().names


def scenes(distinct_scores: bool = False):
    """Predictions and labels of three images, on a coarse grid so that boxes often overlap and tie."""
    cell = st.integers(0, 5)
    row = st.tuples(st.integers(1, 3), cell, cell, st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
    truth = st.lists(row, min_size=1, max_size=10)
    if not distinct_scores:
        return st.tuples(st.lists(st.tuples(row, st.integers(1, 9)), max_size=14), truth)
    numbered = st.lists(row, max_size=14).flatmap(
        lambda rows: st.permutations(range(1, len(rows) + 1)).map(lambda order: list(zip(rows, order, strict=True)))
    )
    return st.tuples(numbered, truth)


def built(rows, scores) -> Boxes:
    return Boxes(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([(x, y, x + w, y + h) for _, x, y, w, h, _ in rows], dtype=np.float64).reshape(-1, 4) * 8,
        np.array(scores, dtype=np.float64),
        np.array([row[5] for row in rows], dtype=np.int64),
    )


def scene(drawn) -> tuple[Boxes, Boxes]:
    predictions, truth = drawn
    return (
        built([row for row, _ in predictions], [score / 15 for _, score in predictions]),
        built(truth, [1.0] * len(truth)),
    )


def test_a_hand_computed_case():
    truth = boxes(
        (1, (0, 0, 10, 10), 1, 0),
        (1, (20, 0, 30, 10), 1, 1),
        (2, (0, 0, 10, 10), 1, 0),
        (2, (50, 50, 60, 60), 1, 2),
    )
    predictions = boxes(
        (1, (0, 0, 10, 10), 0.9, 0),  # right, IoU 1
        (1, (22, 0, 32, 10), 0.8, 0),  # touches class 1: wrong type
        (2, (8, 8, 18, 18), 0.7, 0),  # IoU 4/196: right for accuracy, no match for recall
        (2, (100, 100, 110, 110), 0.6, 2),  # touches nothing
        (2, (50, 50, 60, 60), 0.2, 2),  # right, but below the threshold
    )
    measures = measure(predictions, truth, score_threshold=0.3, iou_threshold=0.4)
    assert measures.accuracy == 2 / 4
    assert measures.recall40 == 1 / 4
    assert (measures.predictions, measures.defects) == (4, 4)
    # Class 0: one of two found, first of three: precision 1 up to recall 0.5, then none: 51 of 101 levels.
    # Class 1: nothing found. Class 2: found by the second of two predictions: precision 1/2 everywhere.
    assert measures.map40 == pytest.approx((51 / 101 + 0 + 0.5) / 3)
    first, second = measures.types[NAMES[0]], measures.types[NAMES[2]]
    assert (first.accuracy, first.recall40, first.predictions) == (2 / 3, 1 / 2, 3)
    assert (second.accuracy, second.recall40, second.ap40) == (0, 0, 0.5)
    absent = measures.types[NAMES[5]]
    assert (absent.accuracy, absent.recall40, absent.ap40, absent.defects) == (0, None, None, 0)


def test_no_prediction_counts_as_accuracy_zero():
    truth = boxes((1, (0, 0, 10, 10), 1, 0))
    measures = measure(Boxes.of([]), truth, 0.3, 0.4)
    assert (measures.accuracy, measures.recall40, measures.map40, measures.predictions) == (0, 0, 0, 0)


def test_a_second_prediction_of_a_found_defect_is_correct_but_finds_nothing_more():
    truth = boxes((1, (0, 0, 10, 10), 1, 0), (1, (40, 0, 50, 10), 1, 0))
    predictions = boxes((1, (0, 0, 10, 10), 0.9, 0), (1, (0, 0, 10, 9), 0.8, 0))
    measures = measure(predictions, truth, 0.3, 0.4)
    assert measures.accuracy == 1
    assert measures.recall40 == 0.5


def test_accuracy_looks_at_the_best_overlap_only():
    truth = boxes((1, (0, 0, 10, 10), 1, 0), (1, (0, 8, 10, 18), 1, 1))
    near_first = boxes((1, (0, 1, 10, 11), 0.9, 1))
    assert correct(near_first, truth).tolist() == [False]
    between = boxes((1, (0, 4, 10, 14), 0.9, 1))  # overlaps both alike: either type is right
    assert correct(between, truth).tolist() == [True]


@given(scenes(), st.randoms(use_true_random=False))
def test_measures_are_shares_and_do_not_depend_on_order(drawn, random):
    predictions, truth = scene(drawn)
    measures = measure(predictions, truth, 0.3, 0.4)
    for value in (measures.accuracy, measures.recall40, measures.map40):
        assert 0 <= value <= 1
    assert sum(entry.predictions for entry in measures.types.values()) == measures.predictions
    assert sum(entry.defects for entry in measures.types.values()) == measures.defects
    order = random.sample(range(len(predictions)), len(predictions))
    other = random.sample(range(len(truth)), len(truth))
    assert measure(predictions[order], truth[other], 0.3, 0.4) == measures


@given(scenes())
def test_a_perfect_detector_scores_one(drawn):
    _, truth = scene(drawn)
    measures = measure(truth, truth, 0.3, 0.4)
    assert (measures.accuracy, measures.recall40, measures.map40) == (1, 1, 1)


@settings(max_examples=40, deadline=None)
@given(scenes(distinct_scores=True))
def test_map_agrees_with_pycocotools(drawn):
    predictions, truth = scene(drawn)
    if not len(predictions):
        return
    assert measure(predictions, truth, 0.3, 0.4).map40 == pytest.approx(coco_map(predictions, truth), abs=1e-9)


def coco_map(predictions: Boxes, truth: Boxes) -> float:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(some: Boxes, labels: bool):
        for index in range(len(some)):
            x0, y0, x1, y1 = some.boxes[index].tolist()
            row: dict[str, Any] = {"image_id": int(some.images[index]), "category_id": int(some.classes[index]) + 1}
            row |= {"bbox": [x0, y0, x1 - x0, y1 - y0]}
            if labels:
                yield row | {"id": index + 1, "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
            else:
                yield row | {"score": float(some.scores[index])}

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image, "width": 100, "height": 100} for image in (1, 2, 3)],
            "categories": [{"id": index + 1, "name": name} for index, name in enumerate(NAMES)],
            "annotations": list(rows(truth, True)),
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(list(rows(predictions, False))), "bbox")
        evaluation.params.iouThrs = np.array([0.4])
        evaluation.params.maxDets = [1000]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, 0]
    return float(precision[:, precision[0] > -1].mean())


def test_equal_scores_count_together():
    scores = np.array([0.5, 0.5])
    assert interpolated_precision(scores, np.array([True, False]), 1).tolist() == [0.5] * 101
    assert interpolated_precision(scores, np.array([False, True]), 1).tolist() == [0.5] * 101


def test_sites_weigh_the_same_and_types_pool_their_boxes():
    truth = boxes((1, (0, 0, 10, 10), 1, 0))
    many = boxes(*[(image, (0, 0, 10, 10), 1, 0) for image in range(1, 10)])
    bad = measure(boxes((1, (0, 0, 10, 10), 0.9, 1)), truth, 0.3, 0.4)
    good = measure(many, many, 0.3, 0.4)
    mean = mean_over_sites([bad, good])
    assert (mean.accuracy, mean.recall40, mean.map40) == (0.5, 0.5, 0.5)
    assert (mean.predictions, mean.defects) == (10, 10)
    assert mean.types[NAMES[0]].recall40 == 9 / 10
    assert mean.types[NAMES[0]].ap40 == 0.5
    assert mean.types[NAMES[1]].accuracy == 0
