"""The scale between both cameras from the widths of panels in their masks (3.1)."""

import cv2
import numpy as np

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import REFERENCE_WIDTH, in_raw_pixels
from ddlivm.alignment.structure import Field
from ddlivm.parameters.alignment import Alignment


def panel_widths(mask: Field, raw_size: tuple[int, int], parameters: Alignment) -> list[float]:
    """Return the widths of the panels in a mask, widest first, in raw pixels.

    The mask is eroded, its contours are taken, small ones dropped as outliers, and each one's minimum-area rectangle
    measured by its short side: rows run out of the frame along their long one. A rectangle that the frame cuts along
    the row alone still has its true width; one whose width the frame cuts is left out, as are all that touch the frame
    when others do not.

    Args:
        mask: (h, w) panel probability over the whole image.
        raw_size: (width, height) of the raw image.
        parameters: erosion, outliers.
    """
    size = (REFERENCE_WIDTH, round(REFERENCE_WIDTH * raw_size[1] / raw_size[0]))
    binary = (np.asarray(cv2.resize(mask, size)) > 0.5).astype(np.uint8)
    eroded = np.asarray(cv2.erode(binary, np.ones((parameters.erosion, parameters.erosion), np.uint8)), np.uint8)
    contours, _ = cv2.findContours(eroded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = [cv2.contourArea(contour) for contour in contours]
    smallest = parameters.minimum_area * max(areas, default=0.0)
    whole, cut = [], []
    for contour, area in zip(contours, areas, strict=True):
        if area <= 0 or area < smallest:
            continue
        _, sides, _ = cv2.minAreaRect(contour)
        width = in_raw_pixels(min(sides) + parameters.erosion, raw_size)
        edges = _touched(contour, size)
        if not edges:
            whole.append(width)
        elif _runs_out_along(contour, edges):
            cut.append(width)
    return sorted(whole or cut, reverse=True)


def candidate_scales(pair: PairEvidence, parameters: Alignment) -> list[float]:
    """Return the scales that a pair's widest panels allow, the widest panels' first; empty if none measures.

    The paper takes the ratio of both maximum widths; with `candidate_widths` of k, the ratios of the k widest of both
    images are candidates, since the widest panel need not be in both frames.
    """
    if pair.infrared_mask is None or pair.visible_mask is None:
        return []
    infrared = panel_widths(pair.infrared_mask, pair.infrared_size, parameters)[: parameters.candidate_widths]
    visible = panel_widths(pair.visible_mask, pair.visible_size, parameters)[: parameters.candidate_widths]
    return [wide / narrow for wide in visible for narrow in infrared]


def _touched(contour: cv2.typing.MatLike, size: tuple[int, int]) -> set[str]:
    x, y, width, height = cv2.boundingRect(contour)
    margin = 4
    sides = {
        "left": x <= margin,
        "top": y <= margin,
        "right": x + width >= size[0] - margin,
        "bottom": y + height >= size[1] - margin,
    }
    return {name for name, touches in sides.items() if touches}


def _runs_out_along(contour: cv2.typing.MatLike, edges: set[str]) -> bool:
    """Whether the row leaves the frame in its own direction, so that the frame cuts its length and not its width."""
    _, _, width, height = cv2.boundingRect(contour)
    return (edges <= {"left", "right"} and width > height) or (edges <= {"top", "bottom"} and height > width)
