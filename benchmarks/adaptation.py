"""What adaptation to a flight changes: before and after, on real pairs and on simulated folds.

    python -m benchmarks.adaptation --model build/registration/model --real pv_pairs --work work --out FILE
    python -m benchmarks.adaptation --model MODEL_OF_FOLD --data data --site site7 --work work --out FILE

On real pairs what an inspection reports is judged as in `benchmarks.real_pairs`, whatever its type.
With `--half` the model is adapted to one half of the flight, by longitude, and judged on the other. On a simulated
site, whose model must not have learnt from it, accuracy and recall@0.4 are of what an inspection reports, and mAP@0.4
is of every detection. The labels are read when all is detected. A killed run goes on; several seeds may be given.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.real_pairs import Picture, detections_of, load_pictures, reported_of, score
from ddlivm.adaptation.adapt import Adapted
from ddlivm.data import AlignedPair, DataSet, Detections, PairAlignment
from ddlivm.data.boxes import Boxes
from ddlivm.evaluation.metrics import measure
from ddlivm.files import write_json
from ddlivm.inspection.adaptation import Adapter
from ddlivm.inspection.folder import find_pairs
from ddlivm.inspection.inspector import Inspector
from ddlivm.inspection.model import ShippedModel
from ddlivm.selection.chain import Chain

Found = dict[str, Detections]


def found_by(chain: Chain, head: str, pairs: list[AlignedPair]) -> Found:
    """Return every detection on panels, by pair, in raw infrared pixels."""
    turns = (replace(pair) for pair in pairs)
    return {
        pair.pair.name: pair.frame.detections_to_raw(chain.detect(head, chain.see(pair)).on_panels) for pair in turns
    }


def reported(
    inspector: Inspector,
    head: str,
    pairs: list[AlignedPair],
    alignments: Mapping[str, PairAlignment],
    pictures: Sequence[Picture],
) -> dict[str, Any]:
    """Judge what an inspection reports by draft boxes, whatever the type: the detections alone, and everything."""
    thresholds, inspected = inspector.detect(pairs, alignments, head)
    return {
        "thresholds": str(thresholds),
        "learned alone": score({entry.pair.name: detections_of(entry.detections) for entry in inspected}, pictures),
        "whole output": score({entry.pair.name: reported_of(entry) for entry in inspected}, pictures),
    }


def run(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Adapt once and judge before and after."""
    model = ShippedModel.load(arguments.model)
    inspector = Inspector.load(model)
    folder = arguments.real or arguments.data / arguments.site
    _, alignments, pairs = inspector.align_pairs(find_pairs(folder).pairs, print)
    learnt, seen = pairs, pairs
    pictures = load_pictures(folder) if arguments.real else []
    if arguments.real:
        middle = median(picture.longitude for picture in pictures)
        if arguments.half:
            own = {picture.name for picture in pictures if (picture.longitude <= middle) == (arguments.half == "west")}
            pictures = [picture for picture in pictures if picture.name not in own]
            learnt = [pair for pair in pairs if pair.pair.name in own]
        judged_names = {picture.name for picture in pictures}
        seen = [pair for pair in pairs if pair.pair.name in judged_names]
    work = arguments.work / f"{arguments.half or 'whole'}-{seed}"
    if arguments.steps:
        work.mkdir(parents=True, exist_ok=True)
        write_json(work / "plan.json", {"rounds": max(1, arguments.steps // 10)})
    head = model.card.default
    kept: list[Adapted] = []
    adapter = Adapter.of(model, arguments.minutes, work, arguments.work / "adapted")
    changes = {"seed": seed} | json.loads(arguments.settings)
    settings = adapter.settings.model_validate(adapter.settings.model_dump() | changes)
    adapter = replace(adapter, settings=settings, keep=kept.append)
    chain, name, record = adapter.adapt(inspector.chain, head, learnt)
    after = replace(inspector, chain=chain)
    figures: dict[str, Any] = {"record": record.content(), "judged pictures": len(seen)}
    if arguments.real:
        figures["before"] = reported(inspector, head, seen, alignments, pictures)
        figures["after"] = reported(after, name, seen, alignments, pictures)
        return figures
    labels = DataSet.load(arguments.data).site(arguments.site).labels
    names = [pair.pair.name for pair in seen]
    truth = Boxes.of((number, labels[name].defects) for number, name in enumerate(names))
    for when, judge, its in (("before", inspector, head), ("after", after, name)):
        found = found_by(judge.chain, its, seen)
        thresholds, inspected = judge.detect(seen, alignments, its)
        every = Boxes.of((number, found[name]) for number, name in enumerate(names)).canonical()
        told = Boxes.of((number, entry.detections) for number, entry in enumerate(inspected)).canonical()
        measures = measure(told, truth, 0.0, 0.4)
        figures[when] = {
            "thresholds": str(thresholds),
            "accuracy": round(measures.accuracy, 3),
            "recall40": round(measures.recall40, 3),
            "map40": round(measure(every, truth, 0.0, 0.4).map40, 3),
        }
    return figures


def main() -> None:
    """Print the figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("build/registration/model"))
    parser.add_argument("--real", type=Path, help="a folder of real pairs, as benchmarks.real_pairs takes it")
    parser.add_argument("--half", choices=("west", "east"), help="adapt to this half of the real flight only")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--site", default="site7", help="the simulated site that the model's fold held out")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--steps", type=int, help="a number of steps instead of the minutes")
    parser.add_argument("--settings", default="{}", help="JSON: other settings of the section")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="scratch that survives a kill")
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args()
    table = {f"seed {seed}": run(arguments, seed) for seed in range(arguments.seeds)}
    print(json.dumps(table, indent=1))
    if arguments.out:
        write_json(arguments.out, table)


if __name__ == "__main__":
    main()
