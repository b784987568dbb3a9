"""How sure the difference of two models is: both are tried on the same pairs, drawn again and again."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddlivm.errors import InputError
from ddlivm.evaluation.image_results import ImageResults, SiteResults
from ddlivm.evaluation.metrics import RECALL_LEVELS


@dataclass(frozen=True)
class Difference:
    """The first model's mAP@0.4 minus the second's.

    Attributes:
        observed: on the evaluation set itself.
        low: the lower end of the interval.
        high: its upper end.
    """

    observed: float
    low: float
    high: float


def map40_difference(
    first: ImageResults, second: ImageResults, resamples: int, confidence: float, seed: int = 0
) -> Difference:
    """Return the difference of two models' mAP@0.4 with its paired bootstrap interval.

    Pairs are drawn with replacement within each site, the same ones for both models; mAP is the mean over the sites,
    as in the tables, and over the types that a draw has defects of. The sites' order cannot matter, and exchanging
    the models exchanges the ends of the interval and their signs.

    Args:
        first: a model's results.
        second: another's on the same evaluation set.
        resamples: how often to draw, at least 1.
        confidence: the interval's share of the draws, 0 to 1.
        seed: of the draws.

    Raises:
        InputError: the two were evaluated on different data.
    """
    if first.evaluation_set != second.evaluation_set or set(first.sites) != set(second.sites):
        raise InputError("the two models were evaluated on different data; evaluate both on the same")
    sites = sorted(first.sites)
    draws = np.random.default_rng(seed)
    counts = {name: len(first.sites[name].pairs) for name in sites}
    drawn = {name: draws.multinomial(count, np.full(count, 1 / count), resamples) for name, count in counts.items()}
    once = {name: np.ones((1, count), dtype=np.int64) for name, count in counts.items()}
    low, high = np.quantile(_differences(first, second, drawn), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(float(_differences(first, second, once)[0]), float(low), float(high))


def _differences(
    first: ImageResults, second: ImageResults, weights: dict[str, npt.NDArray[np.int64]]
) -> npt.NDArray[np.float64]:
    """Return (draws,) differences in mAP@0.4, the mean over the sites."""
    sites = [_draws(first.sites[name], times) - _draws(second.sites[name], times) for name, times in weights.items()]
    mean: npt.NDArray[np.float64] = np.mean(sites, axis=0)
    return mean


def _draws(site: SiteResults, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return (draws,) mAP@0.4 of one site, where `weights` (draws, pairs) is how often each pair was drawn."""
    pair, kind = np.array(site.pair, dtype=np.int64), np.array(site.kind, dtype=np.int64)
    score, hit = np.array(site.score, dtype=np.float64), np.array(site.hit, dtype=bool)
    defects = weights @ np.array(site.defects, dtype=np.int64)  # (draws, types)
    total, present = np.zeros(len(weights)), (defects > 0).sum(axis=1)
    for index in np.flatnonzero(defects.any(axis=0)):
        own = kind == index
        precision = average_precision(score[own], hit[own], weights[:, pair[own]], np.maximum(defects[:, index], 1))
        total += np.where(defects[:, index] > 0, precision, 0)
    # A draw without a single defect has nothing to find: mAP 0 for both models, no difference.
    return np.divide(total, present, out=np.zeros(len(weights)), where=present > 0)


def average_precision(
    scores: npt.NDArray[np.float64],
    hits: npt.NDArray[np.bool_],
    times: npt.NDArray[np.int64],
    defects: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the average precision of many draws: `metrics.interpolated_precision`'s mean with repeated predictions.

    Args:
        scores: (n,) sorted, falling; predictions of equal score count together.
        hits: (n,) whether each finds a defect.
        times: (draws, n) how often each was drawn.
        defects: (draws,) how many there are to find, at least one.

    Returns:
        (draws,) float64 in [0, 1].
    """
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)) if len(scores) else np.zeros(0, dtype=np.int64)
    true, drawn = np.cumsum(times * hits, axis=1)[:, last], np.cumsum(times, axis=1)[:, last]
    precision = np.divide(true, drawn, out=np.zeros(true.shape), where=drawn > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALL_LEVELS, true / defects[:, None], side="right")  # levels at or below each recall
    average: npt.NDArray[np.float64] = (envelope * np.diff(reached, axis=1, prepend=0)).sum(axis=1)
    return average / len(RECALL_LEVELS)
