"""The promotion gate: whether a new model may take the champion's place."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ddlivm.data import ALL
from ddlivm.parameters import Gate
from ddlivm.registry.comparison import compare, incomparable
from ddlivm.registry.evidence import Evidence, unmeasured

Decision = Literal["PROMOTE", "HOLD", "REJECT"]


@dataclass(frozen=True)
class Verdict:
    """The gate's answer.

    Attributes:
        decision: PROMOTE; HOLD, when a person must look; REJECT, when the model must not ship.
        reasons: one line each; what held for PROMOTE, what did not otherwise.
    """

    decision: Decision
    reasons: tuple[str, ...]


def judge(challenger: Evidence, champion: Evidence | None, gate: Gate) -> Verdict:
    """Judge a model by what it does on the gate's sites, which it never learnt from.

    - What was not evaluated as the gate wants it is held: no figure is guessed.
    - A floor or a limit that is missed rejects, whatever the champion does.
    - The first model that passes these is promoted; there is nothing to compare it with.
    - Numbers on different data are never compared: such a model is held.
    - A model is rejected when the interval on the difference in mAP@0.4 says that it is worse by more than the margin;
      held when a site or a type falls by more than its margin, when it is no better than the champion, as an equal one
      is, or when the interval still allows that it is worse; and promoted otherwise.

    Args:
        challenger: the new model's evaluation.
        champion: the present champion's; None when there is none.
        gate: the criteria.
    """
    unknown = tuple(_unknown(challenger, gate))
    if unknown:
        return Verdict("HOLD", unknown)
    missed = (*_floors(challenger, gate), *_limits(challenger, gate))
    if missed:
        return Verdict("REJECT", missed)
    doubtful = (*_untimed(challenger, gate), *_blind_folds(challenger))
    if doubtful:
        return Verdict("HOLD", doubtful)
    passed = f"every floor is met on {', '.join(sorted(gate.sites))}"
    if champion is None:
        return Verdict("PROMOTE", (passed, "there is no champion to compare it with"))
    different = tuple(incomparable(challenger, champion))
    if different:
        return Verdict("HOLD", different)
    comparison = compare(challenger, champion, gate)
    if comparison.is_worse:
        return Verdict("REJECT", (*comparison.worse, *comparison.falls))
    if comparison.falls or comparison.doubts:
        return Verdict("HOLD", (*comparison.falls, *comparison.doubts))
    return Verdict("PROMOTE", (passed, comparison.better, "no site and no type falls by more than its margin"))


def _unknown(challenger: Evidence, gate: Gate) -> Iterator[str]:
    own = challenger.figures.get(ALL)
    if own is None or ALL not in challenger.results:
        yield f"the fold {ALL!r}, which ships, was not evaluated"
        return
    if challenger.head not in own.heads:
        yield f"head {challenger.head!r} was not evaluated"
        return
    if challenger.results[ALL].head != challenger.head:
        yield f"the results pair by pair are of head {challenger.results[ALL].head!r}, not of {challenger.head!r}"
    judged = own.heads[challenger.head]
    for found in (set(judged.sites), set(challenger.results[ALL].sites)):
        for site in sorted(set(gate.sites) - found):
            yield f"site {site!r} of the gate was not evaluated"
        for site in sorted(found - set(gate.sites)):
            yield f"site {site!r} was evaluated but is none of the gate's"
        if found != set(gate.sites):
            return
    for name, measures in (*sorted(judged.sites.items()), ("all sites", judged.all)):
        yield from unmeasured(name, measures)


def _floors(challenger: Evidence, gate: Gate) -> Iterator[str]:
    judged = challenger.figures[ALL].heads[challenger.head]
    for site, measures in sorted(judged.sites.items()):
        if measures.predictions == 0:
            yield f"there are no predictions at the score threshold on {site}"
        if measures.map40 < gate.minimum_map40:
            yield f"mAP@0.4 {measures.map40:.3f} on {site} is below the floor {gate.minimum_map40:g}"
        if measures.recall40 < gate.minimum_recall40:
            yield f"recall {measures.recall40:.3f} on {site} is below the floor {gate.minimum_recall40:g}"
    for kind, figures in sorted(judged.all.types.items()):
        if figures.ap40 is not None and figures.ap40 < gate.minimum_ap40:
            yield f"AP@0.4 {figures.ap40:.3f} of {kind} is below the floor {gate.minimum_ap40:g}"


def _limits(challenger: Evidence, gate: Gate) -> Iterator[str]:
    limit, seconds = gate.maximum_seconds_per_pair, challenger.seconds_per_pair
    if gate.maximum_bytes is not None and challenger.size_bytes > gate.maximum_bytes:
        yield f"the model has {challenger.size_bytes:,} bytes, more than {gate.maximum_bytes:,}"
    if limit is not None and seconds is not None and seconds > limit:
        yield f"a pair takes {seconds:.2f} s, longer than {limit:g} s"


def _untimed(challenger: Evidence, gate: Gate) -> Iterator[str]:
    seconds = challenger.seconds_per_pair
    if gate.maximum_seconds_per_pair is not None and (seconds is None or not math.isfinite(seconds)):
        yield "how long a pair takes was not measured; run head selection again"


def _blind_folds(challenger: Evidence) -> Iterator[str]:
    """A recipe that finds nothing on another held-out site is not sound, however well the gate's sites look."""
    for name, fold in sorted(challenger.figures.items()):
        if name != ALL and fold.row("selected").all.map40 == 0:
            yield f"the same recipe finds nothing on the held-out site of fold {name}"
