import numpy as np

from ddlivm.data import load_taxonomy
from ddlivm.evaluation import analysis
from ddlivm.evaluation.figures import Matched
from ddlivm.evaluation.metrics import measure
from tests.data.test_boxes import boxes

TRUTH = boxes((1, (0, 0, 10, 10), 1, 0), (1, (50, 0, 90, 40), 1, 1), (2, (0, 0, 10, 10), 1, 2))
PREDICTIONS = boxes(
    (1, (0, 0, 10, 10), 0.9, 0),
    (1, (50, 0, 90, 40), 0.7, 3),
    (2, (30, 30, 40, 40), 0.6, 2),
)
BACKGROUND = len(load_taxonomy())


def test_confusion_counts_mistakes_misses_and_false_alarms():
    counts = np.array(analysis.confusion(PREDICTIONS, TRUTH, 0.4))
    expected = np.zeros((BACKGROUND + 1, BACKGROUND + 1), dtype=int)
    expected[0, 0] = 1
    expected[1, 3] = 1
    expected[2, BACKGROUND] = 1
    expected[BACKGROUND, 2] = 1
    np.testing.assert_array_equal(counts, expected)


def test_limits_part_diagnosis_from_localisation_and_sort_by_size():
    limits = analysis.limits(PREDICTIONS, TRUTH, 0.4, outside=1)
    assert limits.recall40_any_class == 2 / 3
    assert limits.median_side == 10
    assert limits.outside == 1
    by_size = {side.above: (side.defects, side.recalled) for side in limits.sides if side.defects}
    assert by_size == {8: (2, 1), 32: (1, 0)}


def test_thresholds_agree_with_the_measures_at_one():
    at = {point.threshold: point for point in analysis.thresholds(PREDICTIONS, TRUTH, 0.4)}
    for threshold in (0.3, 0.65, 0.95):
        expected = measure(PREDICTIONS, TRUTH, threshold, 0.4)
        point = at[threshold]
        assert (point.accuracy, point.recall40, point.predictions) == (
            expected.accuracy,
            expected.recall40,
            expected.predictions,
        )


def test_the_curves_mean_is_the_map():
    curves = analysis.curves({"selected": PREDICTIONS}, TRUTH, 0.4)
    expected = measure(PREDICTIONS, TRUTH, 0.3, 0.4)
    assert abs(np.mean(curves.rows["selected"]) - expected.map40) < 1e-5
    assert set(curves.types) == {load_taxonomy().names[kind] for kind in (0, 1, 2)}


def test_matched_is_the_accuracy_at_the_highest_threshold_that_reaches_the_recall():
    truth = boxes((1, (0, 0, 10, 10), 1, 0), (1, (50, 0, 90, 40), 1, 1), (2, (0, 0, 10, 10), 1, 2))
    predictions = boxes(
        (2, (0, 0, 10, 10), 0.5, 2),  # the second find
        (1, (0, 0, 10, 10), 0.875, 0),  # the first
        (1, (0, 0, 10, 10), 0.75, 0),  # a copy: right, and no find
        (2, (30, 30, 40, 40), 0.625, 2),  # wrong
        (1, (200, 0, 240, 40), 0.375, 1),  # wrong
    )
    assert analysis.matched(predictions, truth, 1 / 3, 0.4) == Matched(1 / 3, 1.0, 0.875)
    assert analysis.matched(predictions, truth, 0.5, 0.4) == Matched(0.5, 0.75, 0.5)
    assert analysis.matched(predictions, truth, 2 / 3, 0.4) == Matched(2 / 3, 0.75, 0.5)
    assert analysis.matched(predictions, truth, 0.7, 0.4) == Matched(0.7, None, None)
    assert analysis.matched(predictions[:0], truth, 0.5, 0.4) == Matched(0.5, None, None)


def test_what_shares_the_score_that_reaches_the_recall_counts_too():
    predictions = boxes((1, (0, 0, 10, 10), 0.875, 0), (1, (200, 0, 240, 40), 0.875, 0))
    assert analysis.matched(predictions, TRUTH, 1 / 3, 0.4) == Matched(1 / 3, 0.5, 0.875)
