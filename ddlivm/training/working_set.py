"""The source pairs as training reads them: decoded and aligned once, in the scratch, and their labels."""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.series import Series
from ddlivm.data import (
    AlignedPair,
    DataSet,
    Labels,
    Outline,
    Pair,
    SetAside,
    SiteAlignments,
    WorkingFrame,
    move,
    visible_size,
)
from ddlivm.data.readers import Infrared
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.training.image_file import ImageFile, Images

VARIANTS = 2
"""Diffused images kept for each pair with defects: each draws anew from its series."""

COMPLETE = "complete.json"
"""Written last: the labels, and the sign that all images are there."""

MINIMUM_LEFT = 0.3
"""A defect of which the common ground shows less (share of its box's area) is not learnt from."""


@dataclass(frozen=True)
class WorkingSet:
    """Working images of all source pairs, in files, and their labels.

    Attributes:
        infrared: (n, 1 + VARIANTS, h, w) float16, K or grey levels above each image's median; variant 0 is as taken.
        visible: (n, 7h/4, 7w/4, 3) uint8 RGB.
        spans: (n,) float32, the values that `InfraredRange` makes a step of 1.
        boxes: per pair (k, 4) float32 xyxy working pixels.
        classes: per pair (k,) int64.
        outlines: per pair k polygons, working pixels; they may leave the image.
    """

    infrared: Images
    visible: Images
    spans: npt.NDArray[np.float32]
    boxes: tuple[npt.NDArray[np.float32], ...]
    classes: tuple[npt.NDArray[np.int64], ...]
    outlines: tuple[tuple[Outline, ...], ...]

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a working infrared image."""
        return self.infrared.shape[3], self.infrared.shape[2]


@dataclass(frozen=True)
class Source:
    """A source pair with all that training may know of it."""

    aligned: AlignedPair
    labels: Labels
    series: Series | None


def sources(
    data: Path,
    transforms: Path,
    series: Sequence[Path],
    fold: str,
    gate_sites: tuple[str, ...],
    set_aside: SetAside,
    working_size: tuple[int, int],
) -> list[Source]:
    """List the fold's source pairs; nothing of a held-out site is opened.

    Args:
        data: the data set's folder.
        transforms: the alignment stage's folder.
        series: the augmentation stage's folders, one a site; those of other sites are left closed.
        fold: the fold's name.
        gate_sites: never trained on in the fold `all`.
        set_aside: the source sites that are kept for calibration.
        working_size: (width, height), pixels.

    Raises:
        InputError: a site, a transform, a label or a series is missing.
    """
    dataset = DataSet.load(data)
    alignments = SiteAlignments.load(transforms / "transforms.json")
    split = dataset.fold(fold, gate_sites, set_aside)
    folders = split.source_series(series)
    listed = []
    for name in split.sources:
        site = dataset.site(name)
        diffused = Series.load(folders[name]) if folders else None
        listed += [_source(pair, alignments, site.labels, working_size, diffused) for pair in site.pairs]
    if not any(len(source.labels.defects) for source in listed):
        raise InputError(
            f"{data}: the sources of fold {fold!r} have no labelled defect; there is nothing to learn from"
        )
    return listed


def _source(
    pair: Pair, alignments: SiteAlignments, labels: dict[str, Labels], size: tuple[int, int], series: Series | None
) -> Source:
    if pair.name not in labels:
        raise InputError(
            f"{pair.infrared_path}: is not listed in its site's annotations.json; add it, with or without boxes"
        )
    transform = alignments.of(pair.site, pair.name).transform
    return Source(AlignedPair(pair, transform, size), labels[pair.name], series)


def build(listed: Sequence[Source], folder: Path, threads: int, seed: int) -> WorkingSet:
    """Decode, align and diffuse all pairs into `folder`, or map what an earlier run completed there.

    Args:
        listed: the source pairs, all of one working size.
        folder: scratch, made when missing.
        threads: that decode side by side.
        seed: of the diffused draws.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / COMPLETE).is_file():
        return load(folder)
    width, height = listed[0].aligned.working_size
    visible_width, visible_height = visible_size((width, height))
    paths = _paths(folder)
    files = {
        "infrared": ImageFile.create(paths["infrared"], np.float16, (len(listed), 1 + VARIANTS, height, width)),
        "visible": ImageFile.create(paths["visible"], np.uint8, (len(listed), visible_height, visible_width, 3)),
    }

    def fill(index: int) -> dict[str, Any]:
        source = listed[index]
        # A copy of the pair: its decoded images go when this function ends.
        aligned = AlignedPair(source.aligned.pair, source.aligned.transform, source.aligned.working_size)
        values = aligned.infrared()
        measured = InfraredRange.of(values, aligned.raw_infrared.radiometric)
        files["visible"][index] = aligned.visible()
        boxes, classes, outlines = _labels_in(aligned.frame, source.labels)
        for variant in range(1 + VARIANTS):
            if variant and source.series is not None and len(source.labels.defects):
                rng = np.random.default_rng([seed, index, variant])
                values = _diffused(aligned, source.series, rng)
            files["infrared"][index, variant] = values - np.float32(measured.centre)
        return {
            "spans": measured.span,
            "boxes": boxes.tolist(),
            "classes": classes.tolist(),
            "outlines": [points.tolist() for points in outlines],
        }

    cv2.setNumThreads(1)  # side by side already: its own threads would take other processes' cores
    with ThreadPoolExecutor(threads) as executor:
        rows = list(executor.map(fill, range(len(listed))))
    for file in files.values():
        file.flush()
    content = {name: [row[name] for row in rows] for name in rows[0]}
    write_json(folder / COMPLETE, content)
    return _working_set(files, content)


def load(folder: Path) -> WorkingSet:
    """Map what `build` completed in a folder.

    Raises:
        InputError: it is not there, or damaged.
    """
    content = read_json(folder / COMPLETE)
    return _working_set({name: ImageFile(path) for name, path in _paths(folder).items()}, content)


def _paths(folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.npy" for name in ("infrared", "visible")}


def _diffused(aligned: AlignedPair, series: Series, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    raw = aligned.raw_infrared
    changed = AlignedPair(aligned.pair, aligned.transform, aligned.working_size)
    # The cached properties are what the image is read from.
    changed.__dict__["raw_infrared"] = Infrared(series.diffused(aligned.pair.name, raw.values, rng), raw.radiometric)
    changed.__dict__["frame"] = aligned.frame
    return changed.infrared()


def _labels_in(
    frame: WorkingFrame, labels: Labels
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], tuple[Outline, ...]]:
    boxes = frame.to_working(labels.defects.boxes)
    clipped, kept = clip(boxes, frame.size)
    outlines = move(compress(labels.outlines, kept), frame.crop[:2], frame.factors)
    return clipped[kept], labels.defects.classes[kept], outlines


def clip(
    boxes: npt.NDArray[np.float32], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Cut (n, 4) xyxy boxes to a (width, height) image; also say which to learn from.

    Those are the boxes of which `MINIMUM_LEFT` or more is left, and those so large that they fill as much of the image.
    """
    clipped = np.clip(boxes, 0, np.tile(np.asarray(size, dtype=np.float32), 2))
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    left = (clipped[:, 2:] - clipped[:, :2]).prod(axis=1)
    needed = MINIMUM_LEFT * np.minimum(areas, size[0] * size[1])
    return clipped.astype(np.float32), (left >= needed) & (left > 0)


def _working_set(files: Mapping[str, ImageFile], content: dict[str, Any]) -> WorkingSet:
    return WorkingSet(
        files["infrared"],
        files["visible"],
        np.asarray(content["spans"], dtype=np.float32),
        tuple(np.asarray(entry, dtype=np.float32).reshape(-1, 4) for entry in content["boxes"]),
        tuple(np.asarray(entry, dtype=np.int64) for entry in content["classes"]),
        tuple(tuple(np.asarray(points, dtype=np.float32) for points in entry) for entry in content["outlines"]),
    )


def remove(folder: Path) -> None:
    """Delete what `build` wrote: a gigabyte that nobody reads once training is over."""
    shutil.rmtree(folder, ignore_errors=True)
