"""Calibration on samples whose curve, threshold and figures are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from ddlivm.data import Detections
from ddlivm.data.calibration import Calibration, logit
from ddlivm.selection.calibration import calibrate, fit_logistic

PLACE, ELSEWHERE = (0, 0, 10, 10), (100, 100, 110, 110)


def images(*rows: tuple[float, bool]) -> tuple[list[Detections], list[Detections]]:
    """One image a detection, with its score and whether it is right; each has a defect."""
    found = [Detections.of([PLACE if right else ELSEWHERE], [score], [2]) for score, right in rows]
    return found, [Detections.of([PLACE], [1], [2])] * len(rows)


def test_the_curve_is_the_likeliest_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, 20_000)
    right = rng.random(len(values)) < 1 / (1 + np.exp(-(0.6 * values - 1.2)))
    other = LogisticRegression(C=1e8).fit(values[:, None], right)
    found = fit_logistic(values, right)
    # Aims of n + 1 of n + 2 instead of all move both by less than this.
    assert found == pytest.approx((other.coef_[0, 0], other.intercept_[0]), abs=2e-3)
    assert found == pytest.approx((0.6, -1.2), abs=0.05)


def test_of_one_score_the_share_that_is_right_is_learnt() -> None:
    values = np.zeros(98)
    slope, offset = fit_logistic(values, np.arange(98) < 48)
    # Of 48 right ones 49/50 count, of 50 wrong ones 1/52.
    share = (48 * 49 / 50 + 50 / 52) / 98
    assert slope == 1, "one score says nothing of the slope"
    assert offset == pytest.approx(np.log(share / (1 - share)), abs=1e-4)


@pytest.mark.parametrize("right", [np.zeros(30, bool), np.ones(30, bool), np.arange(30) < 15])
def test_few_or_contradicting_outcomes_give_a_finite_rising_curve(right) -> None:
    slope, offset = fit_logistic(np.linspace(-3, 3, 30), right)  # the lower half is right in the last case
    assert 0 < slope < 10
    assert abs(offset) < 10


@pytest.mark.parametrize("beta", [0.2, 0.5, 1.0, 3.0])
def test_the_threshold_has_the_best_f_measure_of_promised_accuracy_and_recall(beta: float) -> None:
    rng = np.random.default_rng(0)
    raw = np.sort(rng.uniform(0.05, 0.99, 200))[::-1]
    right = rng.random(200) < raw
    calibration = calibrate(*images(*zip(raw.tolist(), right.tolist(), strict=True)), beta)
    worth = calibration.probabilities(raw.astype(np.float32)).astype(float)

    def measure(count: int) -> float:
        accuracy, recall = worth[:count].mean(), right[:count].sum() / 200
        return float((1 + beta**2) * accuracy * recall / (beta**2 * accuracy + recall)) if recall else 0.0

    best = max(range(1, 200), key=measure)
    assert worth[best] < calibration.threshold < worth[best - 1]
    assert (calibration.accuracy, calibration.recall40) == (right[:best].mean(), right[:best].sum() / 200)


def test_the_less_recall_counts_the_higher_the_threshold() -> None:
    rows = images(
        *[(0.95, True)] * 6,
        *[(0.5, index % 2 == 0) for index in range(12)],
        *[(0.1, index == 0) for index in range(30)],
    )
    low, middle, high = (calibrate(*rows, beta) for beta in (10.0, 1.0, 0.1))
    worth = low.probabilities(np.array([0.95, 0.5, 0.1], np.float32))
    assert low.threshold < worth[2] < middle.threshold < worth[1] < high.threshold < worth[0]
    assert (high.accuracy, high.recall40) == (1.0, 6 / 48)
    assert (middle.accuracy, middle.recall40) == (12 / 18, 12 / 48)
    assert (low.accuracy, low.recall40) == (13 / 48, 13 / 48)
    assert {calibration.detections for calibration in (low, middle, high)} == {48}


def test_equal_scores_stand_on_one_side_of_the_threshold() -> None:
    for count in range(2, 8):
        calibration = calibrate(*images(*[(0.7, index == 0) for index in range(count)]), beta=0.5)
        assert calibration.threshold <= calibration.probabilities(np.array([0.7], np.float32))[0]
        assert (calibration.accuracy, calibration.recall40) == (1 / count, 1 / count)


def test_of_what_finds_a_defect_twice_the_second_is_right_and_no_find() -> None:
    found = [Detections.of([PLACE, PLACE], [0.9, 0.8], [2, 2])] * 10
    calibration = calibrate(found, [Detections.of([PLACE, ELSEWHERE], [1, 1], [2, 2])] * 10, beta=10.0)
    assert (calibration.detections, calibration.accuracy, calibration.recall40) == (20, 1.0, 0.5)
    first, second = calibration.probabilities(np.array([0.9, 0.8], np.float32))
    assert second < calibration.threshold < first, "more detections would bring no more recall"


@pytest.mark.parametrize("labels", [[Detections.empty()], [Detections.of([PLACE], [1], [2])]])
def test_without_detections_half_stands(labels) -> None:
    calibration = calibrate([Detections.empty()], labels, beta=0.5)
    assert calibration == Calibration(0.5, 1.0, 0.0, 0, 0.0, 0.0)


@pytest.mark.parametrize("defect", [[], [PLACE]])
def test_a_head_that_finds_no_defect_must_be_surer_than_not_and_is_believed_less(defect) -> None:
    found, _ = images(*[(0.9, False)] * 20)
    calibration = calibrate(found, [Detections.of(defect, [1] * len(defect), [2] * len(defect))] * 20, beta=10.0)
    assert (calibration.threshold, calibration.accuracy, calibration.recall40) == (0.5, 0.0, 0.0)
    assert calibration.probabilities(np.array([0.9], np.float32)) == pytest.approx([1 / 22], abs=0.01)


def measured(heats: list[float], scores: list[float], right: list[bool]) -> tuple[list[Detections], list[Detections]]:
    """One image a detection, with its heat too."""
    found, labels = images(*zip(scores, right, strict=True))
    pairs = zip(found, heats, strict=True)
    return [replace(entry, heats=np.array([heat], np.float32)) for entry, heat in pairs], labels


def test_heat_and_score_both_count_as_much_as_they_tell() -> None:
    rng = np.random.default_rng(0)
    scores, heats = rng.uniform(0.05, 0.95, 4000), rng.uniform(0, 10, 4000)
    chance = 0.8 * logit(scores) + 1.5 * np.log1p(heats) - 4
    right = rng.random(4000) < 1 / (1 + np.exp(-chance))
    calibration = calibrate(*measured(heats.tolist(), scores.tolist(), right.tolist()), beta=0.5)
    usual = np.log1p(heats[right]).mean()
    features = np.stack([logit(scores), np.log1p(heats) - usual], axis=1)
    other = LogisticRegression(C=1e8).fit(features, right)
    assert (calibration.slope, calibration.heat) == pytest.approx(other.coef_[0], abs=0.02)
    assert (calibration.slope, calibration.heat) == pytest.approx((0.8, 1.5), abs=0.2)
    assert (calibration.offset, calibration.usual_heat) == pytest.approx((other.intercept_[0], usual), abs=0.02)
    score = np.full(4, 0.3, np.float32)
    low, high, hotter, usual_one = calibration.probabilities(score, np.array([0, 10, 25, np.expm1(usual)], np.float32))
    assert low < usual_one < high == hotter
    assert calibration.probabilities(score[:1])[0] == pytest.approx(usual_one, abs=2e-5), "as a defect's usual heat"


def test_heat_that_speaks_against_defects_does_not_count() -> None:
    right = [True, False] * 20
    calibration = calibrate(*measured([1.0, 20.0] * 20, [0.5] * 40, right), beta=0.5)
    assert calibration == calibrate(*images(*zip([0.5] * 40, right, strict=True)), beta=0.5)


def test_a_threshold_is_chosen_in_the_order_that_heat_gives() -> None:
    """The head is surest of what is cold and wrong."""
    rows = measured([30.0] * 20 + [0.0] * 20, [0.5] * 20 + [0.6] * 20, [True] * 20 + [False] * 20)
    calibration = calibrate(*rows, beta=0.5)
    assert (calibration.accuracy, calibration.recall40) == (1.0, 0.5)


outcomes = st.lists(st.tuples(st.integers(50, 990).map(lambda score: score / 1000), st.booleans()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(outcomes)
def test_the_order_of_scores_never_changes(rows) -> None:
    calibration = calibrate(*images(*rows), beta=0.5)
    scores = np.linspace(0.05, 0.99, 95, dtype=np.float32)
    worth = calibration.probabilities(scores)
    assert calibration.slope > 0
    assert (np.diff(worth) >= 0).all()
    assert 0 <= worth.min() <= worth.max() <= 1
    assert 0 <= calibration.threshold <= 1


def test_calibrated_scores_are_those_of_the_curve_and_rounded() -> None:
    scores = np.array([0.05, 0.5, 0.9, 1.0], np.float32)
    expected = 1 / (1 + np.exp(-(0.5 * logit(scores.astype(float)) - 1)))
    found = Calibration(0.3, 0.5, -1.0).probabilities(scores)
    np.testing.assert_array_equal(found, np.round(expected, 5).astype(np.float32))
    np.testing.assert_array_equal(Calibration(0.3).probabilities(scores), scores)
