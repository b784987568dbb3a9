from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.evaluation.bootstrap import average_precision, map40_difference
from ddlivm.evaluation.image_results import ImageResults, SiteResults
from ddlivm.evaluation.metrics import interpolated_precision

KINDS = len(load_taxonomy())


def one_type(found: set[int], pairs: int = 50, score: float = 0.9) -> ImageResults:
    """A defect of the first type on each pair, of which some are found, and no false alarm."""
    hits = tuple(sorted(found))
    site = SiteResults(
        pairs=tuple(map(str, range(pairs))),
        defects=((1, *(0,) * (KINDS - 1)),) * pairs,
        pair=hits,
        kind=(0,) * len(hits),
        score=(score,) * len(hits),
        hit=(True,) * len(hits),
    )
    return ImageResults("set", "fcos", 0.4, {"site1": site})


def covered(share: float) -> float:
    """Without false alarms precision is 1 up to the recall, 0 beyond: the share of 101 levels at or below it."""
    return float((np.linspace(0, 1, 101) <= share + 1e-12).mean())


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), max_size=12), st.integers(1, 20))
def test_a_draw_is_the_tables_average_precision_of_repeated_predictions(
    rows: list[tuple[int, bool, int]], defects: int
):
    rows.sort(key=lambda row: -row[0])
    scores, hits = np.array([row[0] / 5 for row in rows]), np.array([row[1] for row in rows], dtype=bool)
    times = np.array([row[2] for row in rows], dtype=np.int64)
    defects = max(defects, int(times[hits].sum()))
    expected = interpolated_precision(np.repeat(scores, times), np.repeat(hits, times), defects).mean()
    assert average_precision(scores, hits, times[None], np.array([defects])) == pytest.approx(expected)


def test_the_observed_difference_is_that_of_the_average_precisions():
    difference = map40_difference(one_type(set(range(30))), one_type(set(range(20))), 100, 0.95)
    assert difference.observed == pytest.approx(covered(0.6) - covered(0.4))


def test_the_interval_is_that_of_the_binomial_share_of_pairs():
    """Where one model finds everything that the other does, the draw's difference is a binomial share of the pairs."""
    difference = map40_difference(one_type(set(range(40)), 100), one_type(set(range(20)), 100), 4000, 0.9)
    deviation = np.sqrt(0.2 * 0.8 / 100)
    assert difference.low == pytest.approx(0.2 - 1.645 * deviation, abs=0.012)
    assert difference.high == pytest.approx(0.2 + 1.645 * deviation, abs=0.012)


def test_a_model_does_not_differ_from_itself():
    same = map40_difference(one_type({1, 2, 3}), one_type({1, 2, 3}), 100, 0.95)
    assert (same.observed, same.low, same.high) == (0.0, 0.0, 0.0)


def test_exchanging_the_models_exchanges_the_interval():
    there = map40_difference(one_type({1, 2, 3, 9}), one_type({1, 2, 7}), 500, 0.95)
    back = map40_difference(one_type({1, 2, 7}), one_type({1, 2, 3, 9}), 500, 0.95)
    assert (back.observed, back.low, back.high) == pytest.approx((-there.observed, -there.high, -there.low))
    assert there.low < there.observed < there.high


def test_pairing_makes_the_interval_narrow():
    paired = map40_difference(one_type(set(range(25))), one_type(set(range(24))), 500, 0.95)
    crossed = map40_difference(one_type(set(range(25))), one_type(set(range(26, 50))), 500, 0.95)
    assert paired.high - paired.low < 0.3 * (crossed.high - crossed.low)


def test_other_data_is_not_compared():
    other = replace(one_type({1}), evaluation_set="other")
    with pytest.raises(InputError, match="different data"):
        map40_difference(one_type({1}), other, 100, 0.95)
