"""What the three steps bring against joint training alone (`schedule: joint`), at equal steps and at equal time.

    OMP_NUM_THREADS=1 python -m benchmarks.joint --folds site5 site7 --work WORK --out FILE

Needs the data, the series, the segmenters, the transforms and the encoders of a finished demo. The three steps cost
2.1 times a joint step (`benchmarks/results/training.json`), so joint training with twice the epochs takes about as
long. Step 3's own head is judged on the held-out site behind the shipped chain: mAP@0.4, and accuracy and recall at
the threshold that calibration on the sites that were set aside gives. What is finished in `--work` is not trained
again.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ddlivm.data import AlignedPair, DataSet, SetAside, SiteAlignments
from ddlivm.data.boxes import Boxes
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.load import Detector
from ddlivm.detector.weights import load_weights
from ddlivm.evaluation.analysis import matched
from ddlivm.evaluation.metrics import measure
from ddlivm.files import read_json, write_json
from ddlivm.parameters import Parameters, load_parameters
from ddlivm.segmentation import load_segmenter
from ddlivm.selection.calibration import calibrate
from ddlivm.selection.chain import Chain
from ddlivm.training.dtft_stage import train_encoders

HEAD = "fcos-000"
IOU = 0.4
VARIANTS = {"joint, equal steps": 1, "joint, equal time": 2}
"""Each variant's epochs, over those of DTFT."""


def trained(parameters: Parameters, data: Path, demo: Path, fold: str, factor: int, folder: Path) -> Path:
    """Train both encoders jointly, unless that was done before; return their folder."""
    out = folder / "encoders"
    if not (folder / "seconds.json").is_file():
        section = parameters.dtft_training
        section = section.model_copy(update={"schedule": "joint", "epochs": factor * section.epochs})
        for each in (out, folder / "work"):
            each.mkdir(parents=True, exist_ok=True)
        series = [demo / "series" / site for site in parameters.sites]
        aside = SetAside.of(parameters.calibration.sites)
        start = time.process_time()
        train_encoders(
            data, demo / "transforms" / fold, series, fold, parameters.gate.sites, aside, section, out, folder / "work"
        )
        write_json(folder / "seconds.json", {"processor": time.process_time() - start})
    return out


def judged(parameters: Parameters, data: Path, demo: Path, fold: str, encoders: Path) -> dict[str, Any]:
    """Return the figures of step 3's own head on the held-out site."""
    architecture = Architecture.load(encoders)
    infrared, visible = build.encoders(architecture)
    load_weights(encoders / "encoders.safetensors", {"infrared": infrared, "visible": visible})
    head = build.joint_head(architecture)
    load_weights(encoders / "step3.safetensors", {"": head})
    detector = Detector(architecture, infrared, visible, {"000": head}, head)
    segmenter = load_segmenter(demo / "segmenter" / fold)
    chain = Chain(detector, lambda image: segmenter.small_probabilities([image])[0], parameters.head_selection)
    dataset = DataSet.load(data)
    split = dataset.fold(fold, tuple(parameters.gate.sites), SetAside.of(parameters.calibration.sites))
    alignments = SiteAlignments.load(demo / "transforms" / fold / "transforms.json")

    def detect(sites: Sequence[str], using: Chain) -> tuple[list[Any], list[Any]]:
        found, labels = [], []
        for site in map(dataset.site, sites):
            known = site.labels
            for pair in site.pairs:
                transform = alignments.of(site.id, pair.name).transform
                view = using.see(AlignedPair(pair, transform, detector.working_size))
                found.append(view.pair.frame.detections_to_raw(using.detect(HEAD, view).on_panels))
                labels.append(known[pair.name].defects)
        return found, labels

    calibration = calibrate(*detect(split.set_aside, chain), parameters.calibration.beta)
    found, labels = detect(split.targets, replace(chain, calibrations={HEAD: calibration}))
    boxes, truth = Boxes.of(enumerate(found)), Boxes.of(enumerate(labels)).canonical()
    measures = measure(boxes, truth, calibration.threshold, IOU)
    return {
        "map40": round(measures.map40, 4),
        "accuracy": round(measures.accuracy, 4),
        "recall40": round(measures.recall40, 4),
        "accuracy at recall 0.6 (takes the labels)": matched(boxes, truth, 0.6, IOU).accuracy,
    }


def main() -> None:
    """Train what is missing, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", nargs="+", default=["site5", "site7"])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args()
    parameters = load_parameters(Path("params.yaml"))
    table: dict[str, Any] = {}
    for fold in arguments.folds:
        rows = {"DTFT": judged(parameters, arguments.data, arguments.build, fold, arguments.build / "encoders" / fold)}
        for name, factor in VARIANTS.items():
            folder = arguments.work / f"{fold}-{factor}"
            encoders = trained(parameters, arguments.data, arguments.build, fold, factor, folder)
            rows[name] = judged(parameters, arguments.data, arguments.build, fold, encoders)
            rows[name] |= {"processor seconds": round(read_json(folder / "seconds.json")["processor"])}
        table[fold] = rows
        for name, row in rows.items():
            print(fold, name, row, flush=True)
    if arguments.out:
        write_json(arguments.out, table)


if __name__ == "__main__":
    main()
