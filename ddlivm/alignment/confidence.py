"""What a correlation and its lead are worth."""

import math

BASE, PER_SCORE, PER_LEAD = -4.0, 6.0, 60.0
"""Logistic regression of "no corner is off by more than 20 pixels" on the best candidate's score and its lead."""


def confidence(score: float, lead: float) -> float:
    """Return how likely a match is right, 0 to 1.

    Args:
        score: the best candidate's correlation coefficient.
        lead: how far the next one, elsewhere, stays behind; at most the score.
    """
    return 1 / (1 + math.exp(-(BASE + PER_SCORE * score + PER_LEAD * lead)))
