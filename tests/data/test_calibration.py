import numpy as np
import pytest

from ddlivm.data.calibration import Calibration, logit


def scores(*values):
    return np.array(values, np.float32)


def test_without_a_slope_scores_stay_as_they_are():
    raw = scores(0, 0.25, 0.3, 1)
    assert np.array_equal(Calibration(threshold=0.5).probabilities(raw), raw)


def test_the_curve_is_logistic_in_the_scores_logit():
    """Odds of 1 to 4 to the power of 2, times e: by hand."""
    odds = np.array([1 / 4, 1, 4]) ** 2 * np.e
    found = Calibration(threshold=0.5, slope=2.0, offset=1.0).probabilities(scores(0.2, 0.5, 0.8))
    assert found == pytest.approx(odds / (1 + odds), abs=6e-6)
    assert found.dtype == np.float32


def test_scores_are_rounded_to_what_files_hold():
    raw = scores(0.123456, 0.999996, 0.000004)
    assert Calibration(threshold=0.5).probabilities(raw).tolist() == scores(0.12346, 1.0, 0.0).tolist()
    curved = Calibration(threshold=0.5, slope=0.7, offset=-0.3).probabilities(raw)
    assert np.array_equal(np.round(curved.astype(np.float64), 5).astype(np.float32), curved)


def test_certain_scores_stay_probabilities_and_the_order_stays():
    raw = np.linspace(0, 1, 101, dtype=np.float32)
    found = Calibration(threshold=0.5, slope=3.0, offset=-2.0).probabilities(raw)
    assert (np.diff(found) >= 0).all()
    assert 0 <= found[0] < 1e-4 and 1 - 1e-4 < found[-1] <= 1
    assert len(Calibration(threshold=0.5, slope=3.0).probabilities(scores())) == 0


def test_a_logit_is_the_log_of_the_odds_and_finite():
    assert logit(np.array([0.5, 0.8, 0.2])) == pytest.approx([0, np.log(4), -np.log(4)])
    assert logit(np.array([0.0, 1.0])) == pytest.approx([-np.log(1e6), np.log(1e6)], rel=1e-5)
