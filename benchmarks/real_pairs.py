"""What is found on real pairs: by comparison with healthy panels, by the learned detector, and by both.

    OMP_NUM_THREADS=1 python -m benchmarks.real_pairs --real pv_pairs --model build/registration/model --out real.json

The folder holds `T-images/DJI_<id>_T.JPG` and `V-images/DJI_<id>_V.JPG`, `index.csv` with `id`, `lon` and `role`,
`draft_boxes.coco.json`, and `draft_panel_masks/DJI_<id>.png` in the infrared frame. Pictures whose role is
`draft boxes` or `no obvious anomaly` count. Types are left aside: a draft box is found if a region's centre lies in it
or their IoU is at least 0.3; a region is false if its centre is in no draft box and its IoU with each is below 0.1.

Thresholds are chosen on the western half of the places, the largest recall at no more than one false region per
picture, and judged on the eastern, and the reverse. The draft boxes miss faint anomalies: a region that is false by
them may be real.
"""

import argparse
import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Detections, load_taxonomy, read_infrared
from ddlivm.data.boxes import centres_inside, iou_matrix
from ddlivm.files import read_json, write_json
from ddlivm.inspection.inspection import InspectedPair
from ddlivm.parameters import Thermography, load_parameters
from ddlivm.thermography import Excess, excess, find_anomalies, pair_excess

ROLES = ("draft boxes", "no obvious anomaly")
SHAPES_OF = {
    "hotspot": ("point", "region"),
    "patchwork_module": ("bar",),
    "hot_string": ("region",),
    "vegetation": ("strip",),
}
ALLOWED = 1.0
"""False regions per picture that the choice of a threshold may cost."""
STRENGTHS = tuple(np.arange(4, 16.1, 0.25).tolist())
"""The thresholds to choose from."""
Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture and its draft labels: the place's longitude, (n, 4) xyxy boxes and their n types."""

    name: str
    longitude: float
    boxes: Boxes
    types: tuple[str, ...]


@dataclass(frozen=True)
class Regions:
    """What was found on a picture: (n, 4) xyxy boxes, (n,) strengths or scores, and n shape groups."""

    boxes: Boxes
    scores: npt.NDArray[np.float32]
    shapes: tuple[str, ...]

    def joined(self, other: "Regions") -> "Regions":
        """Return both."""
        return Regions(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.scores, other.scores]),
            (*self.shapes, *other.shapes),
        )


Found = Mapping[str, Regions]


def load_pictures(folder: Path) -> list[Picture]:
    """Read the pictures that count."""
    drafts = read_json(folder / "draft_boxes.coco.json")
    names = {entry["id"]: entry["name"] for entry in drafts["categories"]}
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] in ROLES]
    pictures = []
    for row in rows:
        own = [entry for entry in drafts["annotations"] if entry["image_id"] == int(row["id"])]
        boxes = Detections.from_coco(own).boxes
        types = tuple(names[entry["category_id"]] for entry in own)
        pictures.append(Picture(f"DJI_{row['id']}", float(row["lon"]), boxes, types))
    return pictures


def judge(regions: Boxes, drafts: Boxes) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which draft boxes are found, and which regions are false."""
    inside = centres_inside(regions, drafts)
    overlap = iou_matrix(regions, drafts)
    found = np.asarray(inside | (overlap >= 0.3)).any(axis=0)
    false = ~np.asarray(inside | (overlap >= 0.1)).any(axis=1)
    return np.asarray(found), np.asarray(false)


def score(found: Found, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return recall, false regions per picture, recall by type, and how many found boxes have the right shape group."""
    by_type: dict[str, list[bool]] = {name: [] for name in SHAPES_OF}
    false, shapes = 0, []
    for picture in pictures:
        own = found[picture.name]
        hits, wrong = judge(own.boxes, picture.boxes)
        false += int(wrong.sum())
        overlap = iou_matrix(own.boxes, picture.boxes)
        for index, (hit, kind) in enumerate(zip(hits.tolist(), picture.types, strict=True)):
            by_type[kind].append(hit)
            if hit:
                best = _nearest(own.boxes, picture.boxes[index], overlap[:, index])
                shapes.append(own.shapes[best] in SHAPES_OF[kind])
    everything = [hit for hits in by_type.values() for hit in hits]
    return {
        "recall": round(float(np.mean(everything)), 3) if everything else 0.0,
        "false_per_picture": round(false / max(len(pictures), 1), 2),
        "found": {kind: f"{sum(hits)} of {len(hits)}" for kind, hits in by_type.items()},
        "right_shape": round(float(np.mean(shapes)), 3) if shapes else 0.0,
    }


def _nearest(regions: Boxes, draft: Boxes, overlap: npt.NDArray[np.float64]) -> int:
    """Return the region that overlaps a draft box most, or the one whose centre is nearest to its."""
    if overlap.max() > 0:
        return int(overlap.argmax())
    offsets = (regions[:, :2] + regions[:, 2:] - draft[:2] - draft[2:]) / 2
    return int((offsets**2).sum(axis=1).argmin())


def crossed(found: Mapping[float, Found], pictures: Sequence[Picture]) -> dict[str, Any]:
    """Choose the strength on one half of the places, judge it on the other, both ways.

    Args:
        found: What is found at each strength.
        pictures: All of them.
    """
    middle = float(np.median([picture.longitude for picture in pictures]))
    west = [picture for picture in pictures if picture.longitude <= middle]
    east = [picture for picture in pictures if picture.longitude > middle]
    answer = {}
    for name, chosen_on, judged_on in (("west to east", west, east), ("east to west", east, west)):
        strength = choose(found, chosen_on)
        answer[name] = {"strength": strength, **score(found[strength], judged_on)}
    return answer


def choose(found: Mapping[float, Found], pictures: Sequence[Picture]) -> float:
    """Return the lowest strength that costs no more than `ALLOWED` false regions per picture, or the highest."""
    costs = {strength: score(own, pictures)["false_per_picture"] for strength, own in found.items()}
    return min((strength for strength, cost in costs.items() if cost <= ALLOWED), default=max(costs))


def anomalies_of(compared: Mapping[str, Excess], parameters: Thermography) -> Found:
    """Return the anomalies of each picture."""
    found = {name: find_anomalies(own, parameters) for name, own in compared.items()}
    return {name: Regions(own.boxes, own.strengths, own.shape_names) for name, own in found.items()}


def at_strengths(compared: Mapping[str, Excess], parameters: Thermography) -> dict[float, Found]:
    """Return the anomalies of each picture at every strength that may be chosen."""
    return {
        strength: anomalies_of(compared, parameters.model_copy(update={"strength": strength})) for strength in STRENGTHS
    }


def by_draft_masks(folder: Path, pictures: Sequence[Picture]) -> tuple[dict[str, Excess], float]:
    """Return the excess on the draft panel masks, and the processor's seconds per picture."""
    compared, seconds = {}, 0.0
    for picture in pictures:
        infrared = read_infrared(folder / "T-images" / f"{picture.name}_T.JPG")
        mask = cv2.imread(str(folder / "draft_panel_masks" / f"{picture.name}.png"), cv2.IMREAD_GRAYSCALE)
        start = time.process_time()
        compared[picture.name] = excess(infrared.values, np.asarray(mask) > 127, infrared.radiometric)
        seconds += time.process_time() - start
    return compared, seconds / len(pictures)


def by_model(
    model: Path, folder: Path, pictures: Sequence[Picture]
) -> tuple[dict[str, Excess], dict[str, Found], Thermography]:
    """Return the excess on a shipped model's masks, what its inspection reports, and its settings."""
    from ddlivm.inspection.folder import find_pairs
    from ddlivm.inspection.inspector import DEFAULT, Inspector
    from ddlivm.inspection.model import ShippedModel

    inspector = Inspector.load(ShippedModel.load(model))
    names = {picture.name for picture in pictures}
    compared: dict[str, Excess] = {}
    learned: dict[str, Regions] = {}
    whole: dict[str, Regions] = {}

    def keep(entry: InspectedPair, pixels: AlignedPair) -> None:
        name = entry.pair.name
        compared[name] = pair_excess(pixels, inspector.chain.panels(pixels.raw_visible))
        learned[name], whole[name] = detections_of(entry.detections), reported_of(entry)

    inspector.inspect([pair for pair in find_pairs(folder).pairs if pair.name in names], head=DEFAULT, sink=keep)
    return compared, {"learned alone": learned, "whole output": whole}, inspector.thermography


def detections_of(found: Detections) -> Regions:
    """Return detections as regions; a type's shape group is the taxonomy's."""
    types = load_taxonomy().types
    return Regions(found.boxes, found.scores, tuple(types[int(kind)].shape for kind in found.classes))


def reported_of(entry: InspectedPair) -> Regions:
    """Return all that an inspection reports of a pair."""
    rest = entry.anomalies
    return detections_of(entry.detections).joined(Regions(rest.boxes, rest.strengths, rest.shape_names))


def by_file(path: Path, pictures: Sequence[Picture]) -> dict[str, Found]:
    """Return what an inspection's `detections.coco.json` holds."""
    content, types = read_json(path), load_taxonomy().types
    names = {entry["id"]: Path(entry["file_name"]).stem.rpartition("_")[0] for entry in content["images"]}
    nothing = Regions(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())
    found: dict[str, dict[str, Regions]] = {
        source: {picture.name: nothing for picture in pictures} for source in ("learned alone", "whole output")
    }
    for entry in content["annotations"]:
        name = names[entry["image_id"]]
        if name not in found["whole output"]:
            continue
        box = Detections.from_coco([entry]).boxes
        shape = entry["shape"] if entry["source"] == "anomaly" else types[entry["category_id"] - 1].shape
        region = Regions(box, np.array([entry.get("score", 0.0)], np.float32), (shape,))
        for part in ("whole output", "learned alone") if entry["source"] == "detector" else ("whole output",):
            found[part][name] = found[part][name].joined(region)
    return dict(found.items())


def show(name: str, figures: Mapping[str, Any]) -> None:
    """Print one row."""
    types = ", ".join(f"{kind} {count}" for kind, count in figures["found"].items())
    values = f"{figures['recall']:>7.3f}{figures['false_per_picture']:>7.2f}{figures['right_shape']:>7.2f}"
    print(f"{name:<48}{values}  {types}")


def main() -> None:
    """Print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="the folder of real pairs")
    parser.add_argument("--model", type=Path, help="a shipped model's directory, to inspect the pairs with")
    parser.add_argument("--detections", type=Path, help="an inspection's detections.coco.json instead")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args()
    parameters = load_parameters(arguments.params).thermography
    pictures = load_pictures(arguments.real)
    drafted, seconds = by_draft_masks(arguments.real, pictures)
    compared = {"anomalies alone, draft masks": drafted}
    others: dict[str, Found] = {}
    if arguments.model:
        own, others, parameters = by_model(arguments.model, arguments.real, pictures)
        compared["anomalies alone, model's masks"] = own
    elif arguments.detections:
        others = by_file(arguments.detections, pictures)
    figures: dict[str, Any] = {"pictures": len(pictures), "seconds_per_picture": round(seconds, 4)}
    print(f"{'':<48}{'recall':>7}{'false':>7}{'shape':>7}")
    for name, images in compared.items():
        figures[name] = {
            f"at {parameters.strength:g}": score(anomalies_of(images, parameters), pictures),
            **crossed(at_strengths(images, parameters), pictures),
        }
        for how, row in figures[name].items():
            show(f"{name}, {how}", row)
    for name, found in others.items():
        figures[name] = score(found, pictures)
        show(name, figures[name])
    print(f"anomalies: {seconds:.3f} s of the processor per picture")
    if arguments.out:
        write_json(arguments.out, figures)


if __name__ == "__main__":
    main()
