"""results.json: what one head does on each single pair, so that two models can be compared pair by pair."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from ddlivm.data import Site, load_taxonomy
from ddlivm.data.boxes import Boxes, found
from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256, write_json

FILE = "results.json"


@dataclass(frozen=True)
class SiteResults:
    """One head's predictions on one site, and how many defects there are to find.

    Attributes:
        pairs: the pairs' names; the lists below count along them.
        defects: (pairs, types) labelled defects of each type, in class order.
        pair: (n,) which pair each prediction is on, an index into `pairs`.
        kind: (n,) each prediction's class index.
        score: (n,) each prediction's score, falling.
        hit: (n,) whether it finds a defect of its type, one to one, at the IoU threshold.
    """

    pairs: tuple[str, ...]
    defects: tuple[tuple[int, ...], ...]
    pair: tuple[int, ...]
    kind: tuple[int, ...]
    score: tuple[float, ...]
    hit: tuple[bool, ...]

    def problem(self) -> str | None:
        """Return what is wrong with the lists, or None."""
        if not len(self.pair) == len(self.kind) == len(self.score) == len(self.hit):
            return "the predictions' lists differ in length"
        if len(self.defects) != len(self.pairs) or {len(row) for row in self.defects} - {len(load_taxonomy())}:
            return "`defects` is not one row a pair and one column a type"
        if self.pair and not 0 <= min(self.pair) <= max(self.pair) < len(self.pairs):
            return "a prediction is on no pair"
        if self.kind and not 0 <= min(self.kind) <= max(self.kind) < len(load_taxonomy()):
            return "a prediction is of no type"
        return None


@dataclass(frozen=True)
class ImageResults:
    """`results.json`: one head's results on a fold's held-out sites.

    Attributes:
        evaluation_set: a digest of the pairs' files and labels; only equal ones can be compared.
        head: the head.
        iou_threshold: the least IoU of a hit.
        sites: the results by site.
    """

    evaluation_set: str
    head: str
    iou_threshold: float
    sites: dict[str, SiteResults]

    def save(self, folder: Path) -> None:
        """Write `results.json`."""
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "ImageResults":
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = folder / FILE
        try:
            results = TypeAdapter(cls).validate_python(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: {key}: {first['msg']}; run the cross-domain evaluation again") from error
        for name, site in results.sites.items():
            problem = site.problem()
            if problem is not None:
                raise InputError(f"{path}: {name}: {problem}; run the cross-domain evaluation again")
        return results


def image_results(
    sites: Sequence[Site], head: str, detections: Mapping[str, Boxes], truths: Mapping[str, Boxes], iou_threshold: float
) -> ImageResults:
    """Return one head's results, pair by pair.

    Args:
        sites: the held-out sites.
        head: the head's name.
        detections: its detections on each site, all scores.
        truths: each site's labels.
        iou_threshold: the least IoU of a hit, 0 to 1.
    """
    return ImageResults(
        evaluation_set(sites, truths),
        head,
        iou_threshold,
        {site.id: _site_results(site, detections[site.id], truths[site.id], iou_threshold) for site in sites},
    )


def evaluation_set(sites: Sequence[Site], truths: Mapping[str, Boxes]) -> str:
    """Return the sha256 of the sites' images and labels, whatever the sites' order."""
    content = {
        site.id: {
            "pairs": {pair.name: [sha256(pair.infrared_path), sha256(pair.visible_path)] for pair in site.pairs},
            "labels": [
                [int(image), int(kind), *map(float, box)]
                for image, kind, box in zip(
                    truths[site.id].images, truths[site.id].classes, truths[site.id].boxes, strict=True
                )
            ],
        }
        for site in sites
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _site_results(site: Site, detections: Boxes, truth: Boxes, iou_threshold: float) -> SiteResults:
    names = tuple(pair.name for pair in site.pairs)
    image_ids = {labels.image_id: names.index(name) for name, labels in site.labels.items() if name in names}
    predictions, truth = detections.canonical(), truth.canonical()
    hits = found(predictions, truth, iou_threshold) >= 0
    defects = np.zeros((len(names), len(load_taxonomy())), dtype=np.int64)
    for image, kind in zip(truth.images.tolist(), truth.classes.tolist(), strict=True):
        defects[image_ids[image], kind] += 1
    return SiteResults(
        pairs=names,
        defects=tuple(tuple(row) for row in defects.tolist()),
        pair=tuple(image_ids[image] for image in predictions.images.tolist()),
        kind=tuple(predictions.classes.tolist()),
        score=tuple(predictions.scores.tolist()),
        hit=tuple(hits.tolist()),
    )
