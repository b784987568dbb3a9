"""Refine a transform on structure, around a first guess: the rig's on many pairs, a residual on one."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.search import Match, peak
from ddlivm.data.transforms import Transform

REACH = 8
"""The guess may be wrong by so many pixels of the small infrared picture, on each axis."""

CLIMB = 5
"""Times around at one step size: the search's scales are good to about 3 %, which is four steps of the first size."""


@dataclass(frozen=True)
class Residual:
    """How far one pair lies from a transform.

    Attributes:
        offset: (x, y) raw infrared pixels to move the infrared content by.
        here: the correlation coefficient without moving, -1 to 1.
        moved: with it.
    """

    offset: tuple[float, float]
    here: float
    moved: float


def refine(pairs: list[PairEvidence], guess: Transform, rounds: int = 3) -> Match:
    """Climb from a guess in offset, scale and rotation, on the pairs' added evidence.

    Args:
        pairs: at least one, of one site.
        guess: right within `REACH`.
        rounds: of scale and rotation, 0 for the offset alone; each climbs as long as its steps help, at most
            `CLIMB` times around, and halves them for the next.
    """
    best = _recentre(pairs, guess)
    scale_step, turn_step = 0.008, 0.4
    for _ in range(rounds):
        for _ in range(CLIMB):
            before = best.score
            for change in ((scale_step, 0.0), (-scale_step, 0.0), (0.0, turn_step), (0.0, -turn_step)):
                trial = _recentre(pairs, _about_centre(best.transform, pairs[0], *change))
                if trial.score > best.score:
                    best = trial
            if best.score == before:
                break
        scale_step, turn_step = scale_step / 2, turn_step / 2
    return best


def residual(pair: PairEvidence, transform: Transform) -> Residual:
    """Return how far one pair lies from a transform, by its structure."""
    score, factor = _score(pair, transform)
    _, moved, _, (x, y) = cv2.minMaxLoc(score)
    along, down = peak(score, x, y)
    return Residual(((along - REACH) / factor, (down - REACH) / factor), float(score[REACH, REACH]), float(moved))


def shifted(transform: Transform, offset: tuple[float, float]) -> Transform:
    """Return the transform of a pair whose residual is `offset` (raw infrared pixels)."""
    linear = transform.matrix[:, :2]
    x, y = np.array([transform.offset_x, transform.offset_y]) - linear @ np.array(offset)
    return replace(transform, offset_x=float(x), offset_y=float(y))


def _recentre(pairs: list[PairEvidence], guess: Transform) -> Match:
    scores = [_score(pair, guess) for pair in pairs]
    total = np.mean([score for score, _ in scores], axis=0).astype(np.float32)
    _, best, _, (x, y) = cv2.minMaxLoc(total)
    along, down = peak(total, x, y)
    factor = scores[0][1]
    return Match(shifted(guess, ((along - REACH) / factor, (down - REACH) / factor)), float(best))


def _score(pair: PairEvidence, transform: Transform) -> tuple[npt.NDArray[np.float32], float]:
    """Correlate the infrared structure with the visible one brought onto it.

    Returns:
        The (2 REACH + 1, 2 REACH + 1) coefficients over shifts of the infrared picture, and its pixels for one raw one.
    """
    height, width = pair.infrared.shape
    factor = width / pair.infrared_size[0]
    visible_factor = pair.visible.shape[1] / pair.visible_size[0]
    # Small infrared pixel -> raw infrared -> raw visible -> small visible, between pixel centres.
    to_visible = np.vstack([transform.matrix, [0, 0, 1]]) @ np.diag([1 / factor, 1 / factor, 1])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = np.linalg.inv(half) @ np.diag([visible_factor, visible_factor, 1]) @ to_visible @ half
    visible = pair.visible
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if shrink > 1.2:
        visible = np.asarray(cv2.GaussianBlur(visible, (0, 0), 0.5 * shrink), np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = np.asarray(cv2.warpAffine(visible, matrix[:2], (width, height), flags=flags, borderValue=1.0), np.float32)
    # The visible picture is searched for the infrared centre: a peak right of the middle means it lies further right.
    template = pair.infrared[REACH : height - REACH, REACH : width - REACH]
    found = np.asarray(cv2.matchTemplate(seen, template, cv2.TM_CCOEFF_NORMED), np.float32)
    return np.nan_to_num(found, posinf=0.0, neginf=0.0)[::-1, ::-1], factor


def _about_centre(transform: Transform, pair: PairEvidence, scale_change: float, turn: float) -> Transform:
    """Scale and turn a transform, the infrared image's centre staying where it is."""
    centre = np.array(pair.infrared_size) / 2
    changed = Transform(transform.scale * (1 + scale_change), 0.0, 0.0, transform.rotation_deg + turn)
    x, y = transform.to_visible([centre])[0] - changed.to_visible([centre])[0]
    return replace(changed, offset_x=float(x), offset_y=float(y))
