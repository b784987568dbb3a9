"""What a correlation and its lead are worth."""

import math

BASE, PER_SCORE, PER_LEAD = 2.86, 7.89, 1.86
"""Logistic regression of "no corner is off by more than 20 pixels" on the score and the logarithm of the lead.

Fitted on windows of real pairs, on simulated pairs, and on drawn ones, with and without masks, on images of two places
put together, and on images turned over; a wrong match counts three times. Nothing of a place is learned but these
three numbers.
"""

ENOUGH = 0.55
"""A higher score is worth no more: clean pictures of two grids alike correlate well wherever they are laid."""

LEAST = 1e-4
"""A smaller lead is none."""


def confidence(score: float, lead: float) -> float:
    """Return how likely a match is right, 0 to 1; more with a higher score and with a clearer lead.

    Args:
        score: the best candidate's correlation coefficient, -1 to 1.
        lead: how far the best candidate elsewhere stays behind.
    """
    exponent = BASE + PER_SCORE * min(score, ENOUGH) + PER_LEAD * math.log(max(lead, LEAST))
    return 1 / (1 + math.exp(-min(max(exponent, -50.0), 50.0)))
