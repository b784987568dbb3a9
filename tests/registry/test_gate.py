from dataclasses import replace

import pytest

from ddlivm.evaluation.figures import FoldFigures, HeadFigures
from ddlivm.registry.gate import TOLERANCE, judge
from tests.registry.parts import GATE, HEAD, figures, measures

GOOD = figures()


def of_sites(fold: FoldFigures, **sites: dict[str, float]) -> FoldFigures:
    """The same figures with other measures on some sites."""
    own = fold.heads[HEAD]
    changed = own.sites | {site: measures(**values) for site, values in sites.items()}  # type: ignore[arg-type]
    return replace(fold, heads={HEAD: HeadFigures(own.all, changed)})


@pytest.mark.parametrize(
    ("challenger", "champion", "decision", "reason"),
    [
        # Floors: at the floor is enough; below it rejects, also where the champion is worse still.
        (figures(map40=0.3, recall=0.4), None, "PROMOTE", "above the floors"),
        (figures(map40=0.2999), None, "REJECT", "mAP@0.4 0.300 is below the floor 0.3"),
        (figures(recall=0.3999), None, "REJECT", "recall 0.400 is below the floor 0.4"),
        (figures(map40=0.29), figures(map40=0.1), "REJECT", "below the floor"),
        (figures(predictions=0), None, "REJECT", "no predictions"),
        # Against the champion: no regression anywhere beyond the tolerance.
        (GOOD, GOOD, "PROMOTE", "no site and no type"),
        (figures(map40=0.6), GOOD, "PROMOTE", "no site and no type"),
        (figures(map40=0.5 - TOLERANCE / 2), GOOD, "PROMOTE", "no site and no type"),
        (figures(map40=0.5 - TOLERANCE * 2), GOOD, "HOLD", "mAP@0.4 on site2 falls from 0.500 to 0.480"),
        (figures(recall=0.5), GOOD, "HOLD", "recall on site2 falls from 0.600 to 0.500"),
        (figures(accuracy=0.6), GOOD, "HOLD", "accuracy on site2 falls from 0.700 to 0.600"),
        (figures(dust=0.2), GOOD, "HOLD", "AP@0.4 of dust falls from 0.500 to 0.200"),
        (figures(map40=0.9, dust=0.2), GOOD, "HOLD", "AP@0.4 of dust falls"),
        # What cannot be compared is not compared.
        (GOOD, replace(GOOD, pairs=19), "HOLD", "evaluated with pairs 19"),
        (GOOD, replace(GOOD, score_threshold=0.5), "HOLD", "evaluated with score_threshold 0.5"),
        (GOOD, replace(GOOD, iou_threshold=0.5), "HOLD", "evaluated with iou_threshold 0.5"),
        (
            GOOD,
            replace(GOOD, heads={HEAD: HeadFigures(measures(), {"site2": replace(measures(), defects=49)})}),
            "HOLD",
            "other labels",
        ),
        (GOOD, replace(GOOD, heads={"fcos-001": GOOD.heads[HEAD]}), "HOLD", "champion's head"),
        # What was not evaluated as the gate wants it is held.
        (figures(fold="site3", sites=("site2",)), None, "HOLD", "not of the fold 'all'"),
        (figures(sites=("site5",)), None, "HOLD", "site 'site2' of the gate was not evaluated"),
        (figures(sites=("site2", "site5")), None, "HOLD", "the gate is site2"),
        (replace(GOOD, heads={"fcos-001": GOOD.heads[HEAD]}), None, "HOLD", "was not evaluated"),
        (
            replace(GOOD, heads={HEAD: HeadFigures(replace(measures(), defects=0), {"site2": measures()})}),
            None,
            "HOLD",
            "no labelled defect",
        ),
    ],
)
def test_the_gate(challenger: FoldFigures, champion: FoldFigures | None, decision: str, reason: str):
    known = None if champion is None else (champion, HEAD)
    verdict = judge(challenger, HEAD, [figures("site3", ("site3",))], GATE, known)
    assert verdict.decision == decision, verdict
    assert any(reason in line for line in verdict.reasons), verdict


def test_one_site_that_falls_holds_even_where_the_mean_rises():
    gate = GATE.model_copy(update={"sites": ["site2", "site4"]})
    before = figures(sites=("site2", "site4"))
    after = of_sites(figures(sites=("site2", "site4"), map40=0.6), site4={"map40": 0.45})
    verdict = judge(after, HEAD, [], gate, (before, HEAD))
    assert verdict.decision == "HOLD"
    assert verdict.reasons == ("mAP@0.4 on site4 falls from 0.500 to 0.450",)


def test_a_recipe_that_finds_nothing_on_another_site_is_held():
    verdict = judge(GOOD, HEAD, [figures("site3", ("site3",), map40=0.0), GOOD], GATE)
    assert verdict.decision == "HOLD"
    assert verdict.reasons == ("the same recipe finds nothing on the held-out site of fold site3",)


def test_a_type_that_the_champion_never_met_cannot_fall():
    blank = replace(measures().types["dust"], ap40=None, recall40=None, defects=0)
    before = replace(measures(), types=measures().types | {"dust": blank})
    champion = replace(GOOD, heads={HEAD: HeadFigures(before, {"site2": before})})
    assert judge(GOOD, HEAD, [], GATE, (champion, HEAD)).decision == "PROMOTE"
    assert judge(champion, HEAD, [], GATE, (GOOD, HEAD)).reasons == ("AP@0.4 of dust falls from 0.500 to nothing",)


def test_the_verdict_does_not_depend_on_the_champions_own_words():
    """The champion's figures are what was measured of it, never the challenger's."""
    better, worse = figures(map40=0.8), figures(map40=0.4)
    assert judge(better, HEAD, [], GATE, (worse, HEAD)).decision == "PROMOTE"
    assert judge(worse, HEAD, [], GATE, (better, HEAD)).decision == "HOLD"
