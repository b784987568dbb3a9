"""What misalignment costs: mAP@0.4 of a finished detector with the visible image shifted by 0 to 16 pixels.

    OMP_NUM_THREADS=2 python -m benchmarks.alignment_shift --data data --build build --fold site5 [--pairs 40]

The pairs of a fold's held-out sites are aligned by their exact truth, if the simulation wrote one, else by the
pipeline's transforms; then every pair's transform is moved by so many raw infrared pixels, in a direction of its own.
The head is the one that the fold chose. What the crop loses by the shift, and what no longer lies on panels, is lost as
it would be in a flight.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ddlivm.data import AlignedPair, DataSet, Site, SiteAlignments, Transform
from ddlivm.data.boxes import Boxes
from ddlivm.errors import InputError
from ddlivm.evaluation.metrics import mean_over_sites, measure
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.files import read_json, write_json
from ddlivm.parameters import load_parameters
from ddlivm.selection.chain import Chain

SHIFTS = (0, 2, 4, 8, 16)


def exact(site: Site, alignments: SiteAlignments) -> dict[str, Transform]:
    """Return each pair's transform: the truth where it is known."""
    path = site.folder / "truth.json"
    if path.is_file():
        return {name: Transform(**values) for name, values in read_json(path)["pairs"].items()}
    return {pair.name: alignments.of(site.id, pair.name).transform for pair in site.pairs}


def shifted(transform: Transform, pixels: float, angle: float) -> Transform:
    """Move where an infrared pixel is looked for, by raw infrared pixels."""
    along, down = (pixels * transform.scale * float(turn(angle)) for turn in (np.cos, np.sin))
    return replace(transform, offset_x=transform.offset_x + along, offset_y=transform.offset_y + down)


def at(pixels: float, site: Site, most: int, alignments: SiteAlignments, chain: Chain, head: str) -> Boxes:
    """Detect with one head on a site whose transforms are all off by so many pixels."""
    transforms = exact(site, alignments)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, len(site.pairs))
    found = []
    for pair, angle in list(zip(site.pairs, angles, strict=True))[:most]:
        transform = shifted(transforms[pair.name], pixels, float(angle))
        moved = AlignedPair(pair, transform, chain.detector.working_size)
        detections = chain.detect(head, chain.see(moved)).on_panels
        found.append((site.labels[pair.name].image_id, moved.frame.detections_to_raw(detections)))
    return Boxes.of(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="a data set")
    parser.add_argument("--build", type=Path, default=Path("build"), help="the outputs of the finished stages")
    parser.add_argument("--fold", default="site5")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--pairs", type=int, default=1000, help="of a site, at most")
    parser.add_argument("--json", type=Path, help="a file for the table")
    arguments = parser.parse_args()
    from ddlivm.detector.load import load_detector
    from ddlivm.segmentation import load_segmenter

    rows = []
    try:
        parameters = load_parameters(arguments.params)
        data = DataSet.load(arguments.data)
        build, fold = arguments.build, arguments.fold
        alignments = SiteAlignments.load(build / "transforms" / fold / "transforms.json")
        chosen = SelectionScores.load(build / "selection" / fold)
        segmenter = load_segmenter(build / "segmenter" / fold)
        chain = Chain(
            load_detector(build / "encoders" / fold, build / "bank" / fold),
            lambda visible: segmenter.small_probabilities([visible])[0],
            parameters.head_selection,
            chosen.calibrations,
        )
        threshold, iou = chosen.threshold(chosen.chosen), parameters.cross_domain_evaluation.iou_threshold
        print(f"fold {fold}, head {chosen.chosen}\n\n{'shift, px':>10}{'pairs':>8}{'defects':>9}{'mAP@0.4':>10}")
        for pixels in SHIFTS:
            measures = []
            for site in (data.site(name) for name in chosen.targets):
                found = at(pixels, site, arguments.pairs, alignments, chain, chosen.chosen)
                shown = [site.labels[pair.name] for pair in site.pairs[: arguments.pairs]]
                truth = Boxes.of((labels.image_id, labels.defects) for labels in shown)
                measures.append(measure(found, truth, threshold, iou))
            mean = mean_over_sites(measures)
            pairs = sum(min(len(data.site(name).pairs), arguments.pairs) for name in chosen.targets)
            rows.append({"shift": pixels, "pairs": pairs, "defects": mean.defects, "map40": mean.map40})
            print(f"{pixels:>10}{pairs:>8}{mean.defects:>9}{mean.map40:>10.3f}", flush=True)
    except InputError as error:
        sys.exit(str(error))
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
