"""The choice on scores whose order, spread and guard are known by hand."""

import numpy as np
import pytest

from ddlivm.selection.choice import choose, family_of, last_of

HEADS = ("fcos-002", "fcos-004", "mask_rcnn-002", "mask_rcnn-004")


def pairs(count: int, **means: float) -> list[dict[str, np.ndarray]]:
    """Each head's IoUs: a constant for every pair, two detections each."""
    return [{head.replace("__", "-"): np.full(2, mean) for head, mean in means.items()} for _ in range(count)]


def test_the_clearly_best_head_is_chosen() -> None:
    selection = choose(HEADS, pairs(8, fcos__002=0.5, fcos__004=0.6, mask_rcnn__002=0.9, mask_rcnn__004=0.4), 200, 0)
    assert selection.chosen == "mask_rcnn-002"
    assert not selection.tie
    assert [entry.score for entry in selection.candidates] == pytest.approx([0.5, 0.6, 0.9, 0.4])
    assert [entry.detections for entry in selection.candidates] == [16] * 4
    assert (selection.last_fcos, selection.last_mask_rcnn) == ("fcos-004", "mask_rcnn-004")
    assert selection.default == "fcos-004"
    assert selection.pairs == 8


def test_the_score_is_the_mean_over_detections_not_over_pairs() -> None:
    rows = [{"fcos-002": np.array([1.0, 1.0, 1.0])}, {"fcos-002": np.array([0.0])}]
    assert choose(("fcos-002",), rows, 50, 0).candidates[0].score == pytest.approx(0.75)


def test_a_tie_goes_to_the_later_fcos_head_and_says_so() -> None:
    rng = np.random.default_rng(0)
    rows = [{head: rng.uniform(0.3, 1.0, 3) for head in HEADS} for _ in range(10)]
    for row in rows:
        row["fcos-002"] = np.zeros(3)
    selection = choose(HEADS, rows, 500, 0)
    assert selection.tie
    assert selection.chosen == "fcos-004"
    assert "tie" in selection.notes[0]


def test_a_small_difference_that_every_pair_shows_is_no_tie() -> None:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(10):
        base = rng.uniform(0.3, 0.9, 3)
        rows.append({"fcos-002": base, "fcos-004": base, "mask_rcnn-002": base + 0.05, "mask_rcnn-004": base})
    selection = choose(HEADS, rows, 500, 0)
    assert (selection.chosen, selection.tie) == ("mask_rcnn-002", False)
    low, high = next(entry.spread for entry in selection.candidates if entry.head == "fcos-002") or (0, 0)
    assert high - low > 0.05, "the heads' own spreads overlap: only the paired difference tells them apart"


def test_a_tie_without_fcos_goes_to_the_best_score() -> None:
    rows = pairs(4, mask_rcnn__002=0.8, mask_rcnn__004=0.8, fcos__002=0.1, fcos__004=0.1)
    selection = choose(HEADS, rows, 100, 0)
    assert selection.tie
    assert selection.chosen == "mask_rcnn-002"


def test_a_head_with_under_half_of_the_median_detections_cannot_win() -> None:
    rows = pairs(6, fcos__002=0.5, fcos__004=0.4, mask_rcnn__002=0.3)
    rows[0]["mask_rcnn-004"] = np.ones(2)
    selection = choose(HEADS, rows, 100, 0)
    few = selection.candidates[3]
    assert (few.score, few.detections, few.eligible) == (1.0, 2, False)
    assert selection.chosen == "fcos-002"


def test_exactly_half_of_the_median_is_enough() -> None:
    rows = [{"fcos-002": np.full(4, 0.5), "fcos-004": np.full(4, 0.4), "mask_rcnn-002": np.full(2, 0.9)}] * 4
    assert choose(HEADS[:3], rows, 100, 0).chosen == "mask_rcnn-002"


@pytest.mark.parametrize("rows", [[], [{}, {}]])
def test_without_detections_the_last_fcos_head_stands(rows: list[dict[str, np.ndarray]]) -> None:
    selection = choose(HEADS, rows, 100, 0)
    assert (selection.chosen, selection.tie) == ("fcos-004", True)
    assert all(entry.score is None and entry.spread is None for entry in selection.candidates)
    assert not any(entry.eligible for entry in selection.candidates)


def test_one_pair_cannot_tell_heads_apart() -> None:
    rows = pairs(1, fcos__002=0.9, fcos__004=0.5, mask_rcnn__002=0.6, mask_rcnn__004=0.7)
    selection = choose(HEADS, rows, 100, 0)
    assert (selection.chosen, selection.tie) == ("fcos-004", True)
    assert selection.notes == ("one pair is too few to judge by: fcos-004 stands",)
    assert all(entry.eligible for entry in selection.candidates)


@pytest.mark.parametrize("alarms", [1, 5])
def test_on_a_healthy_plant_the_head_with_false_alarms_is_not_preferred(alarms: int) -> None:
    rows: list[dict[str, np.ndarray]] = [{"fcos-002": np.ones(1)}] * alarms + [{}] * (8 - alarms)
    selection = choose(HEADS, rows, 100, 0)
    assert (selection.chosen, selection.tie) == ("fcos-004", True)
    assert selection.notes == ("most heads detected nothing, so there is nothing to judge by: fcos-004 stands",)
    assert not any(entry.eligible for entry in selection.candidates)
    assert (selection.candidates[0].score, selection.candidates[0].detections) == (1.0, alarms)


def test_where_half_of_the_heads_find_something_these_are_judged() -> None:
    selection = choose(HEADS, pairs(8, fcos__002=0.9, mask_rcnn__002=0.5), 100, 0)
    assert selection.chosen == "fcos-002"
    assert [entry.eligible for entry in selection.candidates] == [True, False, True, False]


def test_the_spread_narrows_with_the_number_of_pairs() -> None:
    def width(count: int) -> float:
        rng = np.random.default_rng(2)
        rows = [{"fcos-002": rng.uniform(0, 1, 2)} for _ in range(count)]
        low, high = choose(("fcos-002",), rows, 500, 0).candidates[0].spread or (0, 0)
        return high - low

    # The standard error of the mean of n uniform pairs falls with the root of n: 4 times the pairs, half the spread.
    assert width(160) / width(40) == pytest.approx(0.5, abs=0.15)


def test_a_detection_that_no_resample_drew_still_has_a_spread() -> None:
    rows = [{"fcos-002": np.full(1, 0.7)}, *[{}] * 400]
    for seed in range(3):
        low, high = choose(("fcos-002",), rows, 10, seed).candidates[0].spread or (0, 0)
        assert (low, high) == pytest.approx((0.7, 0.7))


def test_names() -> None:
    assert family_of("mask_rcnn-010") == "mask_rcnn"
    assert last_of(HEADS, "mask_rcnn") == "mask_rcnn-004"
    assert last_of(("mask_rcnn-009", "mask_rcnn-010"), "fcos") == "mask_rcnn-010"
