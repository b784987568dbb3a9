"""The pictures of one fold: detections as in Figure 11, and alignment before and after as in Figure 5."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ddlivm.data import Detections, Labels, Pair, PairAlignment, Site, SiteAlignments, Transform, load_taxonomy
from ddlivm.data.boxes import Boxes, correct
from ddlivm.evaluation.figures import Picture
from ddlivm.evaluation.pictures import (
    BLACK,
    BLUE,
    GREEN,
    Image,
    beside,
    checkerboard,
    draw_boxes,
    paint,
    to_infrared_frame,
    write_jpeg,
)

DETECTION_PICTURES = 4
ALIGNMENT_PICTURES = 2
PANEL_WIDTH = 640
"""Images of small cameras are enlarged towards it, so that labels can be read."""


def write_samples(
    sites: Sequence[Site], alignments: SiteAlignments, detections: dict[str, Boxes], out: Path
) -> tuple[Picture, ...]:
    """Write the fold's pictures.

    Args:
        sites: the held-out sites.
        alignments: the transforms.
        detections: site id to the selected head's predictions at or above the score threshold.
        out: the folder to write to.
    """
    pictures = []
    for site in sites:
        for pair in telling_pairs(site, DETECTION_PICTURES):
            labels = site.labels[pair.name]
            predicted = detections[site.id].detections(labels.image_id)
            file = f"detections_{site.id}_{pair.name}.jpg"
            picture, counts = detection_picture(pair, alignments.of(site.id, pair.name).transform, predicted, labels)
            write_jpeg(out / file, picture)
            pictures.append(Picture("detections", file, f"{site.name}, pair {pair.name}: {counts}"))
        for pair, alignment in alignment_pairs(site, alignments, ALIGNMENT_PICTURES):
            file = f"alignment_{site.id}_{pair.name}.jpg"
            write_jpeg(out / file, alignment_picture(pair, alignment.transform))
            noted = f", {', '.join(alignment.flags)}" if alignment.flags else ""
            caption = f"{site.name}, pair {pair.name}: confidence {alignment.confidence:.2f}{noted}"
            pictures.append(Picture("alignment", file, caption))
    return tuple(pictures)


def telling_pairs(site: Site, count: int) -> list[Pair]:
    """Choose the pairs that show the most: types that are not yet shown first, then many defects, then by name."""
    left = {pair.name: pair for pair in site.pairs if pair.name in site.labels}
    chosen: list[Pair] = []
    shown: set[int] = set()
    while left and len(chosen) < count:
        classes = {name: site.labels[name].defects.classes.tolist() for name in sorted(left)}
        news = {name: (len(set(kinds) - shown), len(kinds)) for name, kinds in classes.items()}
        best = max(news, key=news.__getitem__)
        shown |= set(classes[best])
        chosen.append(left.pop(best))
    return chosen


def alignment_pairs(site: Site, alignments: SiteAlignments, count: int) -> list[tuple[Pair, PairAlignment]]:
    """Choose the pair of median confidence and the least confident one."""
    rows = [(pair, alignments.of(site.id, pair.name)) for pair in site.pairs]
    rows.sort(key=lambda row: (row[1].confidence, row[0].name))
    places = sorted({len(rows) // 2, 0}, reverse=True)[:count]
    return [rows[place] for place in places]


def detection_picture(pair: Pair, transform: Transform, predicted: Detections, labels: Labels) -> tuple[Image, str]:
    """Draw predictions and missed defects on both images of a pair, in the raw infrared frame (Figure 11).

    Green: a correct prediction. Blue: a defect that no correct prediction rests on. Black: a false prediction.

    Returns:
        The picture, infrared left and visible right, and how many of each there are.
    """
    prediction, truth = Boxes.of([(0, predicted)]), Boxes.of([(0, labels.defects)])
    right = correct(prediction, truth)
    rests = np.zeros(len(truth), dtype=bool)
    for kind, box in zip(prediction.classes[right], prediction.boxes[right], strict=True):
        touching = (truth.classes == kind) & (
            np.minimum(truth.boxes[:, 2:], box[2:]) > np.maximum(truth.boxes[:, :2], box[:2])
        ).all(axis=1)
        rests |= touching
    infrared = pair.read_infrared().values
    size = (infrared.shape[1], infrared.shape[0])
    panels = [paint(infrared), to_infrared_frame(pair.read_visible(), transform, size)]
    factor = max(1, round(PANEL_WIDTH / size[0]))
    drawn = []
    for panel in panels:
        panel = np.asarray(cv2.resize(panel, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST), np.uint8)
        for boxes, colour, scores in (
            (labels.defects[~rests], BLUE, False),
            (predicted[~right], BLACK, True),
            (predicted[right], GREEN, True),
        ):
            panel = draw_boxes(panel, boxes.boxes * factor, _texts(boxes, scores), colour, below=not scores)
        drawn.append(panel)
    counts = f"{int(right.sum())} correct, {int((~rests).sum())} missed, {int((~right).sum())} false"
    return beside(drawn), counts


def alignment_picture(pair: Pair, transform: Transform) -> Image:
    """Show a pair as a checkerboard of both images: resized to one size (left), and aligned (right)."""
    infrared = paint(pair.read_infrared().values)
    size = (infrared.shape[1], infrared.shape[0])
    visible = pair.read_visible()
    resized = np.asarray(cv2.resize(visible, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return beside([checkerboard(infrared, part) for part in (resized, to_infrared_frame(visible, transform, size))])


def _texts(boxes: Detections, scores: bool) -> list[str]:
    labels = [load_taxonomy().types[kind].label for kind in boxes.classes]
    if not scores:
        return labels
    return [f"{label} {score:.2f}" for label, score in zip(labels, boxes.scores, strict=True)]
