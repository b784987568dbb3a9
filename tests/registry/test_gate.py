"""The gate's truth table: a line a case, then what must hold for every case."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.evaluation.figures import HeadFigures
from ddlivm.evaluation.metrics import Measures
from ddlivm.parameters import Gate
from ddlivm.registry.evidence import Evidence
from ddlivm.registry.gate import judge
from tests.registry.parts import GATE, HEAD, evidence, head_figures, measures

NAN = float("nan")
TWO = GATE.model_copy(update={"sites": ["site2", "site4"]})
GOOD = evidence()


def on(fold: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    """Change some of a fold's figures."""
    return lambda made: replace(made, figures=made.figures | {fold: replace(made.figures[fold], **changes)})


def head(all_sites: Measures, sites: dict[str, Measures]) -> dict[str, HeadFigures]:
    return {HEAD: head_figures(all_sites, sites)}


def site(name: str, **values: float) -> Callable[[Evidence], Evidence]:
    """Change the measures of one of the gate's sites."""

    def changed(made: Evidence) -> Evidence:
        own = made.figures["all"].heads[HEAD]
        return on("all", heads=head(own.all, own.sites | {name: measures(**values)}))(made)  # type: ignore[arg-type]

    return changed


def kind(name: str, **values: Any) -> Evidence:
    """Change one type's figures over all sites, and on the only one."""
    own = measures()
    changed = replace(own, types=own.types | {name: replace(own.types[name], **values)})
    return on("all", heads=head(changed, {"site2": changed}))(GOOD)


def elsewhere(made: Evidence, fold: str = "all", **changes: Any) -> Evidence:
    """Change a fold's results pair by pair."""
    return replace(made, results=made.results | {fold: replace(made.results[fold], **changes)})


def without(made: Evidence, fold: str) -> Evidence:
    return replace(made, figures={name: own for name, own in made.figures.items() if name != fold})


BLANK = {"ap40": None, "recall40": None, "defects": 0}
BETTER, MUCH_BETTER = evidence(map40=0.55), evidence(map40=0.9)
# challenger, champion, the decision, and what one of its reasons says
TABLE = [
    # The first model ever: the floors alone decide. At the floor is enough.
    (GOOD, None, "PROMOTE", "there is no champion to compare it with"),
    (evidence(map40=0.3, recall=0.4), None, "PROMOTE", "every floor is met on site2"),
    (evidence(dust=0.05), None, "PROMOTE", "every floor is met"),
    (evidence(map40=0.2999), None, "REJECT", "mAP@0.4 0.300 on site2 is below the floor 0.3"),
    (evidence(recall=0.3999), None, "REJECT", "recall 0.400 on site2 is below the floor 0.4"),
    (evidence(dust=0.0499), None, "REJECT", "AP@0.4 0.050 of dust is below the floor 0.05"),
    (evidence(dust=0.0), None, "REJECT", "AP@0.4 0.000 of dust is below the floor 0.05"),
    (evidence(predictions=0), None, "REJECT", "no predictions at the score threshold on site2"),
    (kind("dust", **BLANK), None, "PROMOTE", "every floor is met"),
    # A floor that is missed rejects, also where the champion is worse still or everything else is better.
    (evidence(map40=0.29), evidence(map40=0.1), "REJECT", "below the floor"),
    (evidence(map40=0.9, dust=0.01), GOOD, "REJECT", "of dust is below the floor"),
    (evidence(map40=0.9, recall=0.39), GOOD, "REJECT", "recall 0.390 on site2 is below"),
    # Size and time: at the limit is enough; unmeasured time is held, but does not save what must be rejected.
    (evidence(size_bytes=1_000_000), None, "PROMOTE", "every floor is met"),
    (evidence(size_bytes=1_000_001), None, "REJECT", "the model has 1,000,001 bytes, more than 1,000,000"),
    (evidence(seconds_per_pair=2.0), None, "PROMOTE", "every floor is met"),
    (evidence(seconds_per_pair=2.01), None, "REJECT", "a pair takes 2.01 s, longer than 2 s"),
    (evidence(seconds_per_pair=None), None, "HOLD", "how long a pair takes was not measured"),
    (evidence(seconds_per_pair=NAN), None, "HOLD", "how long a pair takes was not measured"),
    (evidence(seconds_per_pair=None, map40=0.1), None, "REJECT", "below the floor"),
    # Equal models and models that cannot be told apart: the champion stays.
    (GOOD, GOOD, "HOLD", "is no better than the champion: mAP@0.4 +0.000, interval +0.000 to +0.000"),
    (evidence(others=3), GOOD, "HOLD", "may still be worse|is no better"),
    (evidence(map40=0.51, others=30), GOOD, "HOLD", "may still be worse than the champion by more than 0.02"),
    # Better ones.
    (BETTER, GOOD, "PROMOTE", "is better than the champion: mAP@0.4 +0.0"),
    (MUCH_BETTER, GOOD, "PROMOTE", "no site and no type falls by more than its margin"),
    (evidence(map40=0.55, recall=0.58), GOOD, "PROMOTE", "is better"),
    (evidence(map40=0.55, dust=0.4), GOOD, "PROMOTE", "is better"),
    (evidence(map40=0.55, folds=("site3", "site5")), GOOD, "PROMOTE", "is better"),
    # Better in the mean, worse somewhere by more than the margin.
    (evidence(map40=0.9, recall=0.57), GOOD, "HOLD", "recall on site2 falls from 0.600 to 0.570"),
    (evidence(map40=0.9, accuracy=0.6), GOOD, "HOLD", "accuracy on site2 falls from 0.700 to 0.600"),
    (evidence(map40=0.9, dust=0.39), GOOD, "HOLD", "AP@0.4 of dust falls from 0.500 to 0.390"),
    (kind("dust", **BLANK), GOOD, "HOLD", "AP@0.4 of dust falls from 0.500 to nothing"),
    (
        on("site3", heads=head(measures(), {"site3": measures(map40=0.3)}))(MUCH_BETTER),
        GOOD,
        "HOLD",
        "mAP@0.4 on site3 falls from 0.500 to 0.300",
    ),
    (MUCH_BETTER, kind("dust", **BLANK), "PROMOTE", "is better"),
    # Worse ones: held within doubt, rejected beyond it.
    (evidence(map40=0.49), GOOD, "HOLD", "is no better than the champion: mAP@0.4 -0.0"),
    (evidence(map40=0.35), GOOD, "REJECT", "is worse than the champion by more than 0.02: mAP@0.4 -0.1"),
    (GOOD, MUCH_BETTER, "REJECT", "mAP@0.4 on site2 falls from 0.900 to 0.500"),
    # Other data, or the same data judged otherwise: never compared.
    (
        MUCH_BETTER,
        elsewhere(GOOD, evaluation_set="other"),
        "HOLD",
        "fold all: the champion was evaluated on other data",
    ),
    (
        MUCH_BETTER,
        elsewhere(GOOD, "site3", evaluation_set="other"),
        "HOLD",
        "fold site3: the champion was evaluated on",
    ),
    (MUCH_BETTER, on("all", iou_threshold=0.5)(GOOD), "HOLD", "evaluated with iou_threshold 0.5, this model with 0.4"),
    (MUCH_BETTER, on("site3", iou_threshold=0.5)(GOOD), "HOLD", "fold site3: the champion was evaluated with"),
    # Each is judged at the threshold that ships with it.
    (MUCH_BETTER, on("all", score_threshold=0.5)(GOOD), "PROMOTE", "is better than the champion"),
    (evidence(map40=0.9, folds=()), GOOD, "HOLD", "fold site3 was evaluated for the champion and not for this model"),
    (MUCH_BETTER, replace(GOOD, head="fcos-001"), "HOLD", "the champion's head 'fcos-001' was not evaluated"),
    (MUCH_BETTER, evidence(recall=NAN), "HOLD", "of the champion, recall40 on site2 is not a number"),
    # Missing metrics: no figure is guessed.
    (without(GOOD, "all"), None, "HOLD", "the fold 'all', which ships, was not evaluated"),
    (replace(GOOD, head="fcos-001"), None, "HOLD", "head 'fcos-001' was not evaluated"),
    (elsewhere(GOOD, head="fcos-001"), None, "HOLD", "pair by pair are of head 'fcos-001'"),
    (elsewhere(GOOD, sites={}), None, "HOLD", "site 'site2' of the gate was not evaluated"),
    (evidence(sites=("site5",)), None, "HOLD", "site 'site2' of the gate was not evaluated"),
    (evidence(sites=("site2", "site5")), None, "HOLD", "site 'site5' was evaluated but is none of the gate's"),
    (evidence(map40=NAN), None, "HOLD", "map40 on site2 is not a number"),
    (evidence(recall=NAN), None, "HOLD", "recall40 on site2 is not a number"),
    (evidence(accuracy=NAN), None, "HOLD", "accuracy on site2 is not a number"),
    (kind("dust", ap40=None), None, "HOLD", "AP@0.4 of dust on site2 was not measured"),
    (kind("dust", ap40=NAN), None, "HOLD", "AP@0.4 of dust on site2 was not measured"),
    (
        on("all", heads=head(measures(), {"site2": replace(measures(), defects=0)}))(GOOD),
        None,
        "HOLD",
        "site2 has no labelled defect",
    ),
    # A recipe that finds nothing on another held-out site is not sound.
    (
        on("site3", heads=head(measures(map40=0.0), {"site3": measures()}))(GOOD),
        None,
        "HOLD",
        "finds nothing on the held",
    ),
    (
        on("site3", heads=head(measures(map40=0.0), {"site3": measures()}))(MUCH_BETTER),
        GOOD,
        "HOLD",
        "finds nothing on the held-out site of fold site3",
    ),
]


@pytest.mark.parametrize(("challenger", "champion", "decision", "reason"), TABLE)
def test_the_gate(challenger: Evidence, champion: Evidence | None, decision: str, reason: str):
    verdict = judge(challenger, champion, GATE)
    assert verdict.decision == decision, verdict
    assert any(part in line for line in verdict.reasons for part in reason.split("|")), verdict


@pytest.mark.parametrize(
    ("changes", "champion", "decision", "reason"),
    [
        ([], None, "PROMOTE", "every floor is met on site2, site4"),
        ([site("site4", map40=0.29)], None, "REJECT", "mAP@0.4 0.290 on site4 is below the floor 0.3"),
        ([site("site2", recall=0.1)], None, "REJECT", "recall 0.100 on site2 is below the floor 0.4"),
        ([site("site4", map40=0.47)], GOOD, "HOLD", "mAP@0.4 on site4 falls from 0.500 to 0.470"),
        ([site("site4", map40=0.48)], GOOD, "PROMOTE", "is better"),
        ([site("site4", predictions=0)], GOOD, "REJECT", "no predictions at the score threshold on site4"),
    ],
)
def test_the_gate_of_two_sites(
    changes: list[Callable[[Evidence], Evidence]], champion: Evidence | None, decision: str, reason: str
):
    sites = ("site2", "site4")
    challenger = evidence(sites, map40=0.6)
    for change in changes:
        challenger = change(challenger)
    verdict = judge(challenger, evidence(sites) if champion else None, TWO)
    assert verdict.decision == decision, verdict
    assert any(reason in line for line in verdict.reasons), verdict


def test_limits_that_are_null_limit_nothing():
    free = GATE.model_copy(update={"maximum_bytes": None, "maximum_seconds_per_pair": None})
    assert judge(evidence(size_bytes=10**15, seconds_per_pair=None), None, free).decision == "PROMOTE"


shares = st.integers(0, 20).map(lambda twentieths: twentieths / 20)
models = st.builds(
    lambda map40, recall, accuracy, dust, others: evidence(
        ("site2", "site4"), (), map40=map40, recall=recall, accuracy=accuracy, others=others, dust=dust
    ),
    shares, shares, shares, shares, st.integers(0, 99),
)  # fmt: skip
gates = st.builds(
    lambda map40, recall, ap40, margin, type_margin: TWO.model_copy(
        update={
            "minimum_map40": map40,
            "minimum_recall40": recall,
            "minimum_ap40": ap40,
            "margin": margin,
            "type_margin": type_margin,
            "resamples": 100,
        }
    ),
    shares, shares, shares, shares, shares,
)  # fmt: skip


@settings(max_examples=40)
@given(models, st.none() | models, gates)
def test_nothing_below_a_floor_is_ever_promoted(challenger: Evidence, champion: Evidence | None, gate: Gate):
    own = challenger.figures["all"].heads[HEAD]
    below = (
        any(one.map40 < gate.minimum_map40 or one.recall40 < gate.minimum_recall40 for one in own.sites.values())
        or any(one.ap40 is not None and one.ap40 < gate.minimum_ap40 for one in own.all.types.values())
    )  # fmt: skip
    decision = judge(challenger, champion, gate).decision
    assert decision == "REJECT" if below else True
    if champion is not None and decision == "PROMOTE":
        assert own.all.map40 > champion.figures["all"].heads[HEAD].all.map40


@settings(max_examples=15)
@given(models, models, gates)
def test_what_speaks_for_one_of_two_models_speaks_against_the_other(first: Evidence, second: Evidence, gate: Gate):
    free = gate.model_copy(update={"minimum_map40": 0.0, "minimum_recall40": 0.0, "minimum_ap40": 0.0})
    there, back = judge(first, second, free), judge(second, first, free)
    assert [there.decision, back.decision].count("PROMOTE") <= 1
    assert [there.decision, back.decision].count("REJECT") <= 1
    # A site or a type falls in one direction only, and a better model is worse the other way round.
    falls = [{line.split(" falls ")[0] for line in one.reasons if " falls " in line} for one in (there, back)]
    assert not falls[0] & falls[1]
    for one, other in ((there, back), (back, there)):
        if one.decision == "PROMOTE":
            assert any("is no better than" in line or "is worse than" in line for line in other.reasons)


@settings(max_examples=30)
@given(models, st.none() | models, gates)
def test_the_order_of_the_sites_does_not_matter(challenger: Evidence, champion: Evidence | None, gate: Gate):
    def turned(made: Evidence | None) -> Evidence | None:
        if made is None:
            return None
        own, pairwise = made.figures["all"], made.results["all"]
        heads = {HEAD: head_figures(own.heads[HEAD].all, dict(reversed(own.heads[HEAD].sites.items())))}
        return replace(
            made,
            figures=dict(reversed((made.figures | {"all": replace(own, heads=heads)}).items())),
            results=dict(
                reversed(
                    (made.results | {"all": replace(pairwise, sites=dict(reversed(pairwise.sites.items())))}).items()
                )
            ),
        )

    other = gate.model_copy(update={"sites": list(reversed(gate.sites))})
    assert judge(turned(challenger), turned(champion), other) == judge(challenger, champion, gate)  # type: ignore[arg-type]


def test_the_champions_figures_are_its_own():
    """What was measured of the champion is compared, never what the challenger says of itself."""
    better, worse = evidence(map40=0.8), evidence(map40=0.4)
    assert judge(better, worse, GATE).decision == "PROMOTE"
    assert judge(worse, better, GATE).decision == "REJECT"


def test_the_table_is_long_enough_and_has_every_decision():
    assert len(TABLE) >= 40
    assert {decision for _, _, decision, _ in TABLE} == {"PROMOTE", "HOLD", "REJECT"}
