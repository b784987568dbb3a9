"""Align pairs without inspecting them, and draw a picture to judge it by."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.alignment import PairEvidence, align_pair, align_pairs, gather
from ddlivm.alignment.consensus import LOW_CONFIDENCE
from ddlivm.alignment.structure import Field
from ddlivm.data import Pair, PairAlignment, read_infrared, read_visible, width_share
from ddlivm.errors import InputError
from ddlivm.evaluation.pictures import Image
from ddlivm.inspection.folder import Rejected
from ddlivm.parameters.alignment import STRUCTURE

Masks = tuple[Field | None, Field | None]
Segment = Callable[[Field, npt.NDArray[np.uint8]], Masks]
"""From raw infrared (H, W) and visible (H, W, 3) to both panel masks; None where nobody knows the panels."""

STRUCTURE_ALONE = "structure_alone"
TURNED = "turned_{}"


def segment_by(folder: Path | None) -> Segment:
    """Return what finds panels: a trained segmenter, or nothing without one.

    Raises:
        InputError: the folder holds no segmenter, or a damaged one.
    """
    if folder is None:
        return lambda infrared, visible: (None, None)
    from ddlivm.segmentation import load_segmenter

    segmenter = load_segmenter(folder)

    def masks(infrared: Field, visible: npt.NDArray[np.uint8]) -> Masks:
        first, second = segmenter.small_probabilities([infrared, visible])
        return first, second

    return masks


def align_files(infrared_path: Path, visible_path: Path, segment: Segment) -> tuple[dict[str, Any], Image]:
    """Align one pair.

    Returns:
        The answer and its picture. Beside the aligner's flags: `structure_alone` (no panel masks), and `turned_90`,
        `turned_180` or `turned_270` (the images match better after turning the infrared one anticlockwise so far).

    Raises:
        InputError: an image cannot be read, or no panels are shown.
    """
    from ddlivm.inspection.pictures import compare

    infrared, visible = read_infrared(infrared_path).values, read_visible(visible_path)
    masks = segment(infrared, visible)
    try:
        share = width_share(infrared_path, visible_path)
        alignment = align_pair(gather(infrared_path.stem, infrared, visible, *masks, share), STRUCTURE)
    except InputError as error:
        raise InputError(f"{infrared_path}, {visible_path}: {error}") from error
    more = [STRUCTURE_ALONE] if masks[0] is None else []
    turned = {turns: align_pair(_turned(infrared, visible, masks, turns), STRUCTURE).confidence for turns in (1, 2, 3)}
    turns = max(turned, key=turned.__getitem__)
    if turned[turns] > max(alignment.confidence, STRUCTURE.minimum_confidence):
        more.append(TURNED.format(90 * turns))
        flags = alignment.flags if LOW_CONFIDENCE in alignment.flags else (*alignment.flags, LOW_CONFIDENCE)
        alignment = replace(alignment, confidence=round(min(alignment.confidence, 1 - turned[turns]), 4), flags=flags)
    size = (infrared.shape[1], infrared.shape[0])
    answer = describe(alignment, size, (visible.shape[1], visible.shape[0]), more)
    return answer, compare(infrared, visible, alignment.transform)


def _turned(infrared: Field, visible: npt.NDArray[np.uint8], masks: Masks, turns: int) -> PairEvidence:
    """Return the evidence with the infrared image turned anticlockwise by quarters."""
    mask = None if masks[0] is None else np.rot90(masks[0], turns).copy()
    return gather("turned", np.rot90(infrared, turns).copy(), visible, mask, masks[1])


def align_folder(
    pairs: Sequence[Pair], segment: Segment, leave_out: Callable[[Rejected], None]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Align the pairs of one site.

    Returns:
        The site's answer, without crops, and each pair's by name.

    Raises:
        InputError: no pair can be used.
    """
    sizes: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {}
    bare = False

    def evidence() -> Iterator[PairEvidence]:
        nonlocal bare
        for pair in pairs:
            try:
                infrared, visible = pair.read_infrared().values, pair.read_visible()
            except InputError as error:
                leave_out(Rejected(pair.infrared_path, f"{error}; pair {pair.name} is left out"))
                continue
            masks = segment(infrared, visible)
            bare = masks[0] is None
            one = gather(pair.name, infrared, visible, *masks, pair.width_share)
            sizes[pair.name] = one.sizes
            yield one

    site, found = align_pairs(evidence(), STRUCTURE)
    more = [STRUCTURE_ALONE] if bare else []
    return _described(site, more), {name: describe(alignment, *sizes[name], more) for name, alignment in found.items()}


def describe(
    alignment: PairAlignment, infrared_size: tuple[int, int], visible_size: tuple[int, int], more: Sequence[str] = ()
) -> dict[str, Any]:
    """Return an alignment as a program wants it.

    Returns:
        `scale`, `rotation_deg`, `offset`, `confidence`, `residual`, `flags`, and `infrared_crop` and `visible_crop`:
        [x0, y0, x1, y1] raw pixels, the same ground in each.
    """
    transform = alignment.transform
    crop = transform.common_ground(infrared_size, visible_size)
    corners = transform.to_visible([crop[:2], (crop[2], crop[1]), (crop[0], crop[3]), crop[2:]])
    limit = np.array([*visible_size, *visible_size], np.float64)
    visible = np.clip([*corners.min(axis=0), *corners.max(axis=0)], 0, limit)
    return {
        **_described(alignment, more),
        "residual": alignment.residual,
        "infrared_crop": [round(side) for side in crop],
        "visible_crop": [round(float(side)) for side in visible],
    }


def _described(alignment: PairAlignment, more: Sequence[str]) -> dict[str, Any]:
    transform = alignment.transform
    return {
        "scale": transform.scale,
        "rotation_deg": transform.rotation_deg,
        "offset": [transform.offset_x, transform.offset_y],
        "confidence": alignment.confidence,
        "flags": [*alignment.flags, *more],
    }
