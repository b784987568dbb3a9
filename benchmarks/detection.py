"""Which defects are found, by contrast, size and type: one or more runs beside each other.

    python -m benchmarks.detection --data data --build after=build --build before=../earlier/build --out FILE

A run is a folder of the stages' outputs. Of each held-out fold it takes the chosen head's detections from the shipped
threshold on (0.3 where a run has none yet), and says per site accuracy, recall@0.4 and mAP@0.4. Then the defects of the
folds that all runs share are grouped, and the share that each run finds is given:

- contrast: the 95th percentile inside the box above the median of the panels around it, in robust standard deviations
  (1.4826 times the median absolute deviation) of these panels;
- size: square root of the box's area, raw infrared pixels;
- type.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import ALL, DataSet, Site, load_taxonomy
from ddlivm.data.boxes import Boxes, correct, found
from ddlivm.evaluation.metrics import measure
from ddlivm.files import read_json, write_json

IOU = 0.4
FORMER_THRESHOLD = 0.3
RING = 2.0
"""Width of the surroundings that a box is compared with, over its own sides."""

CONTRASTS = (0.0, 3.0, 6.0, 12.0, 24.0)
SIDES = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)


@dataclass(frozen=True)
class Detected:
    """A run's reported detections on one site, and what they are worth."""

    head: str
    threshold: float
    all: Boxes

    @property
    def reported(self) -> Boxes:
        """The detections from the threshold on."""
        return self.all.above(self.threshold).canonical()


def detected(build: Path, fold: str, site: Site) -> Detected:
    """Read one fold's detections by its chosen head."""
    folder = build / "selection" / fold
    selection = read_json(folder / "selection.json")
    head = str(selection["chosen"])
    threshold = selection.get("calibrations", {}).get(head, {}).get("threshold", FORMER_THRESHOLD)
    boxes = Boxes.from_coco(read_json(folder / "detections" / site.id / f"{head}.json"))
    return Detected(head, float(threshold), boxes)


def truth_of(site: Site) -> Boxes:
    """Return a site's labelled defects."""
    return Boxes.of((labels.image_id, labels.defects) for labels in site.labels.values()).canonical()


def contrasts(site: Site, truth: Boxes) -> npt.NDArray[np.float64]:
    """Return each defect's contrast with the panels around it, in robust deviations."""
    values = np.zeros(len(truth))
    by_image = {labels.image_id: (name, labels) for name, labels in site.labels.items()}
    pairs = {pair.name: pair for pair in site.pairs}
    for image in np.unique(truth.images):
        name, labels = by_image[int(image)]
        infrared = pairs[name].read_infrared().values
        panels = np.zeros(infrared.shape, np.uint8)
        for outline in labels.panels.get("infrared", ()):
            cv2.fillPoly(panels, [np.round(np.asarray(outline)).astype(np.int32)], 1)
        own = truth[truth.images == image]
        for box in own.boxes:
            x0, y0, x1, y1 = np.round(box).astype(int)
            panels[max(y0, 0) : y1, max(x0, 0) : x1] *= 2  # panels that a defect covers are 2
        for index in np.flatnonzero(truth.images == image):
            values[index] = _contrast(infrared, panels == 1, truth.boxes[index])
    return values


def _contrast(infrared: npt.NDArray[np.float32], healthy: npt.NDArray[np.bool_], box: npt.NDArray[np.float64]) -> float:
    height, width = infrared.shape
    x0, y0, x1, y1 = (round(float(value)) for value in box)
    right, below = max(x1, x0 + 1), max(y1, y0 + 1)
    inside = infrared[max(y0, 0) : below, max(x0, 0) : right]
    across, down = max(8, round(RING * (x1 - x0))), max(8, round(RING * (y1 - y0)))
    window = slice(max(y0 - down, 0), min(y1 + down, height)), slice(max(x0 - across, 0), min(x1 + across, width))
    around = infrared[window][healthy[window]]
    if not inside.size or len(around) < 16:
        return float("nan")
    median = float(np.median(around))
    deviation = 1.4826 * float(np.median(np.abs(around - median)))
    return (float(np.percentile(inside, 95)) - median) / max(deviation, 1e-3)


def shares(groups: npt.NDArray[np.int64], names: list[str], hits: dict[str, npt.NDArray[np.bool_]]) -> dict[str, Any]:
    """Return for each group how many defects it has and which share of them each run finds."""
    rows = {}
    for index, name in enumerate(names):
        own = groups == index
        if own.any():
            rows[name] = {"defects": int(own.sum())} | {
                run: round(float(hit[own].mean()), 3) for run, hit in hits.items()
            }
    return rows


def main() -> None:
    """Print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", action="append", required=True, metavar="NAME=DIR", help="a run; may be repeated")
    parser.add_argument("--out", type=Path, help="a .json file for the tables")
    arguments = parser.parse_args()
    builds = {name: Path(folder) for name, _, folder in (entry.partition("=") for entry in arguments.build)}
    dataset, names = DataSet.load(arguments.data), load_taxonomy().names
    sites: dict[str, dict[str, Any]] = {name: {} for name in builds}
    parts: dict[str, list[npt.NDArray[Any]]] = {key: [] for key in ("contrast", "side", "kind", *builds)}
    folds = {
        name: {path.parent.name for path in build.glob("selection/*/selection.json")} for name, build in builds.items()
    }
    shared = set.intersection(*folds.values()) - {ALL}
    for fold in sorted(set.union(*folds.values()) - {ALL}):
        site = dataset.site(fold)
        truth = truth_of(site)
        for name, build in builds.items():
            if fold not in folds[name]:
                continue
            run = detected(build, fold, site)
            measures = measure(run.all, truth, run.threshold, IOU)
            sites[name][fold] = {
                "head": run.head,
                "threshold": run.threshold,
                "accuracy": round(measures.accuracy, 4),
                "recall40": round(measures.recall40, 4),
                "map40": round(measures.map40, 4),
                "predictions": measures.predictions,
                "false": int((~correct(run.reported, truth)).sum()),
                "defects": len(truth),
            }
            if fold in shared:
                hit = np.zeros(len(truth), dtype=bool)
                matched = found(run.reported, truth, IOU)
                hit[matched[matched >= 0]] = True
                parts[name].append(hit)
        if fold in shared:
            parts["contrast"].append(contrasts(site, truth))
            parts["side"].append(np.sqrt(np.prod(truth.boxes[:, 2:] - truth.boxes[:, :2], axis=1)))
            parts["kind"].append(truth.classes)
    tables: dict[str, Any] = {"sites": sites, "shared folds": sorted(shared)}
    if shared:
        joined = {key: np.concatenate(values) for key, values in parts.items()}
        hits = {name: joined[name] for name in builds}
        contrast = np.nan_to_num(joined["contrast"], nan=0.0)
        tables["contrast"] = shares(np.digitize(contrast, CONTRASTS[1:]), [f">={low:g}" for low in CONTRASTS], hits)
        tables["side"] = shares(np.digitize(joined["side"], SIDES[1:]), [f">={low:g}" for low in SIDES], hits)
        tables["type"] = shares(joined["kind"], list(names), hits)
    for title, table in tables.items():
        print(title)
        for key, row in table.items() if isinstance(table, dict) else enumerate(table):
            print(f"  {key}: {row}")
    if arguments.out:
        write_json(arguments.out, tables)


if __name__ == "__main__":
    main()
