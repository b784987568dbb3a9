"""Two models side by side: whether they may be compared at all, what falls, and how sure the difference is."""

from collections.abc import Iterator
from dataclasses import dataclass

from ddlivm.data import ALL
from ddlivm.evaluation.bootstrap import Difference, map40_difference
from ddlivm.evaluation.figures import HeadFigures
from ddlivm.evaluation.metrics import Measures
from ddlivm.parameters import Gate
from ddlivm.registry.evidence import Evidence, unmeasured

ROUNDING = 1e-9
"""A fall of exactly the margin is within it, whatever the last binary digit says."""


@dataclass(frozen=True)
class Comparison:
    """A challenger against a champion.

    Attributes:
        difference: challenger's mAP@0.4 minus champion's on the gate's sites, with its interval.
        margin: what counts as no difference.
        falls: a line for each site or type that falls by more than its margin.
    """

    difference: Difference
    margin: float
    falls: tuple[str, ...]

    @property
    def is_worse(self) -> bool:
        """Whether the whole interval lies below the margin."""
        return self.difference.high < -self.margin - ROUNDING

    @property
    def worse(self) -> tuple[str, ...]:
        """Why it is worse; empty when it is not surely so."""
        return (f"is worse than the champion by more than {self.margin:g}: {self._text}",) if self.is_worse else ()

    @property
    def better(self) -> str:
        """That it is better."""
        return f"is better than the champion: {self._text}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it cannot be called better; empty when it can."""
        if self.difference.observed <= 0:
            return (f"is no better than the champion: {self._text}",)
        if self.difference.low < -self.margin - ROUNDING:
            return (f"may still be worse than the champion by more than {self.margin:g}: {self._text}",)
        return ()

    @property
    def _text(self) -> str:
        difference = self.difference
        return f"mAP@0.4 {difference.observed:+.3f}, interval {difference.low:+.3f} to {difference.high:+.3f}"


def incomparable(challenger: Evidence, champion: Evidence) -> Iterator[str]:
    """Yield a line for each reason why the two cannot be compared."""
    if champion.head not in champion.figures[ALL].heads or champion.results[ALL].head != champion.head:
        yield f"the champion's head {champion.head!r} was not evaluated; evaluate the champion on the gate's sites"
        return
    for site, measures in sorted(_judged(champion, ALL).sites.items()):
        yield from (f"of the champion, {line}" for line in unmeasured(site, measures))
    for fold in sorted(champion.figures):
        if fold not in challenger.figures:
            yield f"fold {fold} was evaluated for the champion and not for this model; add it to `folds`"
            continue
        ours, theirs = (side.figures[fold].iou_threshold for side in (challenger, champion))
        if ours != theirs:
            yield f"fold {fold}: the champion was evaluated with iou_threshold {theirs}, this model with {ours}"
        if challenger.results[fold].evaluation_set != champion.results[fold].evaluation_set:
            yield f"fold {fold}: the champion was evaluated on other data; evaluate both on the same"


def compare(challenger: Evidence, champion: Evidence, gate: Gate) -> Comparison:
    """Compare two models that were evaluated alike."""
    difference = map40_difference(challenger.results[ALL], champion.results[ALL], gate.resamples, gate.confidence)
    return Comparison(difference, gate.margin, tuple(_falls(challenger, champion, gate)))


def _falls(challenger: Evidence, champion: Evidence, gate: Gate) -> Iterator[str]:
    for fold in sorted(champion.figures):
        before, after = _judged(champion, fold), _judged(challenger, fold)
        for site, old in sorted(before.sites.items()):
            yield from _site_falls(site, old, after.sites[site], gate.margin)
    now = _judged(challenger, ALL).all.types
    for kind, known in sorted(_judged(champion, ALL).all.types.items()):
        if known.ap40 is None:  # the evaluation set has no such defect
            continue
        found = now[kind].ap40 if kind in now else None
        if found is None or known.ap40 - found > gate.type_margin + ROUNDING:
            yield f"AP@0.4 of {kind} falls from {known.ap40:.3f} to {'nothing' if found is None else f'{found:.3f}'}"


def _site_falls(site: str, before: Measures, after: Measures, margin: float) -> Iterator[str]:
    for name, old, new in (
        ("mAP@0.4", before.map40, after.map40),
        ("recall", before.recall40, after.recall40),
        ("accuracy", before.accuracy, after.accuracy),
    ):
        if old - new > margin + ROUNDING:
            yield f"{name} on {site} falls from {old:.3f} to {new:.3f}"


def _judged(evidence: Evidence, fold: str) -> HeadFigures:
    """Return the judged head's figures on the gate's sites, and the selected head's on the others."""
    figures = evidence.figures[fold]
    return figures.heads[evidence.head] if fold == ALL else figures.row("selected")
