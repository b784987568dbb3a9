"""The promotion gate: whether a new model may take the champion's place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ddlivm.data import ALL
from ddlivm.evaluation.figures import FoldFigures, HeadFigures
from ddlivm.parameters import Gate

Decision = Literal["PROMOTE", "HOLD", "REJECT"]
TOLERANCE = 0.01
"""How much lower than the champion's a figure may be; less than one defect in a hundred changes nothing."""


@dataclass(frozen=True)
class Verdict:
    """The gate's answer.

    Attributes:
        decision: PROMOTE; HOLD, when a person must look; REJECT, when a floor is missed.
        reasons: one line each; what held for PROMOTE, what did not otherwise.
    """

    decision: Decision
    reasons: tuple[str, ...]


def judge(
    challenger: FoldFigures,
    head: str,
    folds: Sequence[FoldFigures],
    gate: Gate,
    champion: tuple[FoldFigures, str] | None = None,
) -> Verdict:
    """Judge a model by what it does on the gate's sites, which it never learnt from.

    A floor that is missed rejects, whatever the champion does. A model that passes is held where it does worse than
    the champion on a site or on a type, or where the two cannot be compared; numbers on different data never are.

    Args:
        challenger: the fold `all`'s figures, on the gate's sites.
        head: the head that the model uses by default; it is the one that is judged.
        folds: the other folds' figures: the same recipe on other held-out sites.
        gate: the floors.
        champion: the present champion's figures on the gate's sites and its default head; None when there is none.
    """
    missing = _missing(challenger, head, gate)
    if missing:
        return Verdict("HOLD", (missing,))
    figures = challenger.heads[head]
    missed = tuple(_floors(figures, gate))
    if missed:
        return Verdict("REJECT", missed)
    blind = tuple(_blind_folds(folds))
    if blind:
        return Verdict("HOLD", blind)
    passed = (
        f"mAP@0.4 {figures.all.map40:.3f} and recall {figures.all.recall40:.3f} on {', '.join(gate.sites)} are above "
        f"the floors {gate.minimum_map40:g} and {gate.minimum_recall40:g}"
    )
    if champion is None:
        return Verdict("PROMOTE", (passed,))
    before, champion_head = champion
    incomparable = _incomparable(challenger, before, champion_head)
    if incomparable:
        return Verdict("HOLD", (incomparable,))
    worse = tuple(_regressions(figures, before.heads[champion_head]))
    if worse:
        return Verdict("HOLD", worse)
    return Verdict("PROMOTE", (passed, "no site and no type does worse than with the champion"))


def _missing(challenger: FoldFigures, head: str, gate: Gate) -> str | None:
    if challenger.fold != ALL:
        return f"the figures are of fold {challenger.fold!r}, not of the fold {ALL!r} that ships"
    if head not in challenger.heads:
        return f"head {head!r} was not evaluated"
    sites = challenger.heads[head].sites
    absent = [site for site in gate.sites if site not in sites]
    if absent:
        return f"site {absent[0]!r} of the gate was not evaluated"
    if set(sites) != set(gate.sites):
        return f"the figures are on {', '.join(sorted(sites))}, the gate is {', '.join(sorted(gate.sites))}"
    if challenger.heads[head].all.defects == 0:
        return "the gate's sites have no labelled defect to judge by"
    return None


def _floors(figures: HeadFigures, gate: Gate) -> Iterator[str]:
    if figures.all.predictions == 0:
        yield "there are no predictions at the score threshold"
    if figures.all.map40 < gate.minimum_map40:
        yield f"mAP@0.4 {figures.all.map40:.3f} is below the floor {gate.minimum_map40:g}"
    if figures.all.recall40 < gate.minimum_recall40:
        yield f"recall {figures.all.recall40:.3f} is below the floor {gate.minimum_recall40:g}"


def _blind_folds(folds: Sequence[FoldFigures]) -> Iterator[str]:
    """A recipe that finds nothing on another held-out site is not sound, however well the gate's sites look."""
    for fold in folds:
        if fold.fold != ALL and fold.row("selected").all.map40 == 0:
            yield f"the same recipe finds nothing on the held-out site of fold {fold.fold}"


def _incomparable(challenger: FoldFigures, champion: FoldFigures, head: str) -> str | None:
    if head not in champion.heads:
        return f"the champion's head {head!r} was not evaluated; evaluate the champion on the gate's sites"
    for name in ("pairs", "score_threshold", "iou_threshold"):
        ours, theirs = getattr(challenger, name), getattr(champion, name)
        if ours != theirs:
            return f"the champion was evaluated with {name} {theirs}, the challenger with {ours}; evaluate both alike"
    ours, theirs = _defects(challenger), _defects(champion)
    if ours != theirs:
        return f"the champion was evaluated on other labels ({theirs} defects, now {ours}); evaluate both alike"
    return None


def _defects(figures: FoldFigures) -> dict[str, int]:
    head = next(iter(figures.heads.values()))
    return {site: measures.defects for site, measures in sorted(head.sites.items())}


def _regressions(challenger: HeadFigures, champion: HeadFigures) -> Iterator[str]:
    for site, before in sorted(champion.sites.items()):
        after = challenger.sites[site]
        for name, old, new in (
            ("mAP@0.4", before.map40, after.map40),
            ("recall", before.recall40, after.recall40),
            ("accuracy", before.accuracy, after.accuracy),
        ):
            if new < old - TOLERANCE:
                yield f"{name} on {site} falls from {old:.3f} to {new:.3f}"
    for kind, known in sorted(champion.all.types.items()):
        now = challenger.all.types.get(kind)
        if known.ap40 is not None and (now is None or now.ap40 is None or now.ap40 < known.ap40 - TOLERANCE):
            after_text = "nothing" if now is None or now.ap40 is None else f"{now.ap40:.3f}"
            yield f"AP@0.4 of {kind} falls from {known.ap40:.3f} to {after_text}"
