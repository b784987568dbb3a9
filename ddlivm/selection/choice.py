"""The choice of a head from how its detections held: scores, their spread, the guard, and ties (3.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Held = npt.NDArray[np.float64]
"""(n,) how far each of one head's detections on one pair held, 0 to 1."""


@dataclass(frozen=True)
class Candidate:
    """One head and how it held.

    Attributes:
        head: its name.
        score: how far its detections held, mean over all that were tried; None when it detected nothing.
        spread: 2.5th and 97.5th percentile of the score over bootstrap resamples of the pairs.
        detections: how many detections were tried.
        eligible: whether these are at least half of the heads' median. Where the median is 0 no head is: on a healthy
            plant the few that detect something would be the ones with false alarms.
    """

    head: str
    score: float | None
    spread: tuple[float, float] | None
    detections: int
    eligible: bool


@dataclass(frozen=True)
class Selection:
    """The choice.

    Attributes:
        chosen: the head to use on these pairs.
        default: the head where nothing can be chosen, for a single pair say: the last FCOS head.
        tie: whether the best score could not be told apart from another's.
        candidates: every head, in the bank's order.
        last_fcos: the FCOS head of the last epoch.
        last_mask_rcnn: the Mask R-CNN head of the last epoch.
        pairs: how many pairs were tried.
        notes: what a reader of the choice must know.
    """

    chosen: str
    default: str
    tie: bool
    candidates: tuple[Candidate, ...]
    last_fcos: str
    last_mask_rcnn: str
    pairs: int
    notes: tuple[str, ...] = ()


def choose(heads: Sequence[str], pairs: Sequence[Mapping[str, Held]], resamples: int, seed: int) -> Selection:
    """Choose the head whose detections held best.

    Pairs are resampled for the spread, since detections of one image are not independent. A head ties with the best
    when the difference of their scores over the same resamples includes 0; of those that tie, the FCOS head of the
    latest epoch is chosen. One pair alone has no spread, and where most heads find nothing there is nothing to judge
    by: then the default stands.

    Args:
        heads: the candidates, `<family>-<epoch>`.
        pairs: for each pair that was tried, head to how far its detections held; one without detections may be absent.
        resamples: bootstrap resamples.
        seed: of the resamples.
    """
    sums = np.array([[pair.get(head, np.zeros(0)).sum() for head in heads] for pair in pairs]).reshape(-1, len(heads))
    counts = np.array([[len(pair.get(head, ())) for head in heads] for pair in pairs]).reshape(-1, len(heads))
    total = counts.sum(axis=0)
    eligible = (total > 0) & (total >= np.median(total) / 2) & (np.median(total) > 0)
    scores = np.divide(sums.sum(axis=0), total, out=np.full(len(heads), np.nan), where=total > 0)
    resampled = _bootstrap(sums, counts, resamples, seed)
    candidates = tuple(
        Candidate(
            head=head,
            score=float(scores[index]) if total[index] else None,
            spread=_interval(resampled[:, index], float(scores[index])) if total[index] else None,
            detections=int(total[index]),
            eligible=bool(eligible[index]),
        )
        for index, head in enumerate(heads)
    )
    chosen, tie, note = _settle(heads, np.where(eligible, scores, np.nan), resampled, len(pairs))
    return Selection(
        chosen=chosen,
        default=last_of(heads, "fcos"),
        tie=tie,
        candidates=candidates,
        last_fcos=last_of(heads, "fcos"),
        last_mask_rcnn=last_of(heads, "mask_rcnn"),
        pairs=len(pairs),
        notes=(note,) if note else (),
    )


def family_of(head: str) -> str:
    """Return a head's family: `fcos` or `mask_rcnn`."""
    return head.rpartition("-")[0]


def last_of(heads: Sequence[str], family: str) -> str:
    """Return the family's head of the latest epoch; the last head of all if there is none of the family."""
    own = [head for head in heads if family_of(head) == family] or list(heads)
    return max(own, key=lambda head: int(head.rpartition("-")[2]))


def _settle(heads: Sequence[str], scores: Held, resampled: Held, pairs: int) -> tuple[str, bool, str]:
    """Return the chosen head, whether that is a tie, and what to say; ineligible heads have a score of NaN."""
    default = last_of(heads, "fcos")
    if np.isnan(scores).all():
        return default, True, f"most heads detected nothing, so there is nothing to judge by: {default} stands"
    if pairs < 2:
        return default, True, f"one pair is too few to judge by: {default} stands"
    best = int(np.nanargmax(scores))
    equals = [
        head
        for index, head in enumerate(heads)
        if index == best or (not np.isnan(scores[index]) and _ties(resampled, best, index))
    ]
    if len(equals) == 1:
        return heads[best], False, ""
    tie = f"a tie of {len(equals)} heads within the spread"
    fcos = [head for head in equals if family_of(head) == "fcos"]
    if not fcos:
        return heads[best], True, f"{tie}, none of them FCOS: {heads[best]} has the best score"
    return last_of(fcos, "fcos"), True, f"{tie}: {last_of(fcos, 'fcos')} is the latest FCOS head of them"


def _bootstrap(sums: Held, counts: npt.NDArray[np.int64], resamples: int, seed: int) -> Held:
    """Return (resamples, heads) scores over the same resamples of the pairs; NaN where a head has no detection."""
    if not len(sums):
        return np.full((resamples, sums.shape[1]), np.nan)
    share = np.full(len(sums), 1 / len(sums))
    weights = np.random.default_rng(seed).multinomial(len(sums), share, size=resamples)
    total = weights @ counts
    return np.divide(weights @ sums, total, out=np.full(total.shape, np.nan), where=total > 0)


def _interval(scores: Held, score: float) -> tuple[float, float]:
    """Return the middle 95 %; the score itself where no resample has a detection."""
    low, high = (score, score) if np.isnan(scores).all() else np.nanpercentile(scores, [2.5, 97.5])
    return float(low), float(high)


def _ties(resampled: Held, best: int, other: int) -> bool:
    difference = resampled[:, best] - resampled[:, other]
    return bool(np.isnan(difference).all() or np.nanpercentile(difference, 2.5) <= 0)
