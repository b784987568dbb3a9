"""Robust statistics of panels: what is hot must not move its own reference."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_DEVIATION = 1e-3
"""A smaller one is rounding: no camera resolves it, in kelvin or in grey levels."""


def deviation(values: npt.NDArray[np.floating]) -> float:
    """Return the robust standard deviation of any values, from their median absolute deviation."""
    if not values.size:
        return LEAST_DEVIATION
    spread = float(np.median(np.abs(values - np.median(values))))
    return max(1.4826 * spread, LEAST_DEVIATION)  # of a normal distribution, whose quartile is 0.6745


def weighted_medians(values: Floats, weights: Floats) -> Floats:
    """Return the median of (n,) values under each row of (m, n) weights, (m,)."""
    order = np.argsort(values)
    reached = np.cumsum(weights[:, order], axis=1)
    return np.asarray(values[order][(reached >= reached[:, -1:] / 2).argmax(axis=1)])


def group_quantiles(values: npt.NDArray[np.floating], groups: npt.NDArray[np.integer], count: int, q: float) -> Floats:
    """Return a quantile of each group's values.

    Args:
        values: (n,), any order.
        groups: (n,) each value's group, below `count`.
        count: How many groups there are.
        q: Which quantile, 0 to 1.

    Returns:
        (count,); NaN where a group is empty.
    """
    order = np.lexsort((values, groups))
    sizes = np.bincount(groups, minlength=count)
    starts = np.cumsum(sizes) - sizes
    places = np.minimum(starts + np.floor(q * np.maximum(sizes - 1, 0)).astype(np.int64), max(len(order) - 1, 0))
    answer = np.full(count, np.nan)
    filled = sizes > 0
    answer[filled] = values[order[places[filled]]]
    return answer
