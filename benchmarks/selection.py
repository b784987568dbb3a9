"""What choosing among about 20 heads costs, against its parts and against the naive way.

    OMP_NUM_THREADS=1 python -m benchmarks.selection --fold site5

Needs a finished demo (`make demo`). Its bank is filled up to ten entries with copies whose weights are changed a
little, so that they find other things. Times are the processor's, of one thread, so that neighbours count for less.

- each part alone: the visible encoder, the infrared encoder, the segmenter, and every head, on each pair;
- the selection: all pairs with all heads, perturbed images and scores included;
- the bound: 1.2 x what its passes cost alone; a head that finds nothing on a pair has no second pass there;
- the naive way: each head by itself, both encoders before and after the perturbation.
"""

import argparse
import copy
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import AlignedPair, DataSet, SetAside, SiteAlignments
from ddlivm.detector.architecture import CONFIDENCE_FLOOR
from ddlivm.detector.heads import BankEntry
from ddlivm.detector.load import Detector, load_detector
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.parameters import load_parameters
from ddlivm.segmentation import load_segmenter
from ddlivm.selection.chain import Chain, Panels
from ddlivm.selection.examination import examine_pairs

ENTRIES = 10
NOISE = 0.01
"""Standard deviation of the copies' change, share of each tensor's own."""

ALLOWED = 1.2


class Counted:
    """A detector that counts its passes."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.references = detector.references
        self.heads = detector.heads
        self.working_size = detector.working_size
        self.visible = self.infrared = 0
        self.detected = dict.fromkeys(detector.heads, 0)

    def encode_infrared(self, values: Any, radiometric: bool) -> Any:
        """Encode, and count the images."""
        self.infrared += len(values)
        return self._detector.encode_infrared(values, radiometric)

    def encode_visible(self, images: Any) -> Any:
        """Encode, and count the images."""
        self.visible += len(images)
        return self._detector.encode_visible(images)

    def detect(self, head: str, infrared: Any, visible: Any, minimum_score: float = CONFIDENCE_FLOOR) -> Any:
        """Detect, and count the pass."""
        self.detected[head] += 1
        return self._detector.detect(head, infrared, visible, minimum_score)

    def detect_untrained(self, values: Any, radiometric: bool, images: Any) -> Any:
        """Detect with fresh weights."""
        return self._detector.detect_untrained(values, radiometric, images)


def filled_up(detector: Detector) -> Detector:
    """Return the detector with ten entries: its own, then changed copies of those with both heads in turn."""
    generator = torch.Generator().manual_seed(0)
    entries = dict(detector.entries)
    both = [entry for entry in detector.entries.values() if isinstance(entry, BankEntry)]
    for number in range(ENTRIES - len(entries)):
        entry = copy.deepcopy(both[number % len(both)])
        with torch.no_grad():
            for weight in entry.parameters():
                if weight.numel() > 1:
                    weight.add_(NOISE * weight.std() * torch.randn(weight.shape, generator=generator))
        entries[f"{900 + number}"] = entry
    return Detector(detector.architecture, detector.infrared, detector.visible, entries, detector.infrared_only)


def parts(detector: Detector, panels: Panels, pairs: list[AlignedPair]) -> dict[str, float]:
    """Time each part alone, mean over the pairs."""
    times: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[..., Any], *inputs: Any) -> Any:
        start = time.process_time()
        result = work(*inputs)
        times.setdefault(name, []).append(time.process_time() - start)
        return result

    for pair in pairs:
        values, images, radiometric = pair.infrared()[None], pair.visible()[None], pair.raw_infrared.radiometric
        infrared = timed("infrared encoder", detector.encode_infrared, values, radiometric)
        visible = timed("visible encoder", detector.encode_visible, images)
        timed("segmenter", panels, pair.raw_visible)
        for head in detector.heads:
            timed(head, detector.detect, head, infrared, visible, CONFIDENCE_FLOOR)
    return {name: float(np.mean(entries)) for name, entries in times.items()}


def peak() -> float:
    """Return the process's largest memory until now, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="the data set")
    parser.add_argument("--build", type=Path, default=Path("build"), help="a finished demo's outputs")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--fold", default="site5", help="whose held-out site is the plant without labels")
    parser.add_argument("--pairs", type=int, default=6, help="how many of its pairs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_parameters(arguments.params)
    parameters = settings.head_selection.model_copy(update={"score": "paper", "maximum_pairs": None, "threads": 1})
    dataset = DataSet.load(arguments.data)
    fold = dataset.fold(arguments.fold, tuple(settings.gate.sites), SetAside.of(settings.calibration.sites))
    folders = sorted(path for path in (arguments.build / "series").iterdir() if path.is_dir())
    source_defects = SourceDefects.load(list(fold.source_series(folders).values()))
    alignments = SiteAlignments.load(arguments.build / "transforms" / arguments.fold / "transforms.json")
    detector = filled_up(
        load_detector(arguments.build / "encoders" / arguments.fold, arguments.build / "bank" / arguments.fold)
    )
    segmenter = load_segmenter(arguments.build / "segmenter" / arguments.fold)
    calibrations = SelectionScores.load(arguments.build / "selection" / arguments.fold).calibrations

    def panels(visible: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(segmenter.small_probabilities([visible])[0])

    listed = [pair for name in fold.targets for pair in dataset.site(name).pairs]
    chosen = listed[:: max(1, len(listed) // arguments.pairs)][: arguments.pairs]

    def fresh() -> list[AlignedPair]:
        return [
            AlignedPair(pair, alignments.of(pair.site, pair.name).transform, detector.working_size) for pair in chosen
        ]

    parts(detector, panels, fresh()[:1])  # the first pass pays for what is set up once
    before = parts(detector, panels, fresh())
    counted = Counted(detector)
    peaks, images, perturbed = [], 0, 0
    start = time.process_time()
    for examination in examine_pairs(Chain(counted, panels, parameters, calibrations), fresh(), source_defects):
        peaks.append(peak())
        if examination.trial is not None:
            images += examination.trial.images
            perturbed += 1
    spent = time.process_time() - start
    after = parts(detector, panels, fresh())
    alone = {name: (before[name] + after[name]) / 2 for name in before}

    count, heads = len(chosen), len(detector.heads)
    assert counted.visible == count
    assert counted.infrared == count + images
    assert all(count <= passes <= 2 * count for passes in counted.detected.values())
    all_heads = sum(alone[head] for head in detector.heads)
    expected = (
        counted.visible * alone["visible encoder"]
        + counted.infrared * alone["infrared encoder"]
        + count * alone["segmenter"]
        + sum(passes * alone[head] for head, passes in counted.detected.items())
    )
    shared = alone["visible encoder"] + alone["infrared encoder"] + alone["segmenter"]
    naive = 2 * count * (heads * shared + all_heads)
    evaluation = shared + all_heads / heads
    print(f"{heads} heads over {count} pairs of {arguments.fold} (simulated), one thread, processor seconds a pair")
    print(f"visible encoder {alone['visible encoder']:.3f}, infrared encoder {alone['infrared encoder']:.3f}, ", end="")
    print(f"segmenter {alone['segmenter']:.3f}, one head {all_heads / heads:.3f} (mean of {heads})")
    print(f"{perturbed} pairs perturbed, u = {images / count:.2f} distinct perturbed images a pair")
    print(f"passes: visible {counted.visible}, infrared {counted.infrared}, heads {sum(counted.detected.values())}")
    print(f"the parts of these passes, alone {expected / count:8.2f}")
    print(f"the selection                    {spent / count:8.2f}   {spent / expected:.2f} x its parts", end="")
    print(f" (at most {ALLOWED}: {'yes' if spent <= ALLOWED * expected else 'NO'})")
    print(f"the naive way                    {naive / count:8.2f}   {naive / spent:.1f} x the selection")
    print(f"evaluations of one head: {spent / count / evaluation:.1f} here, {naive / count / evaluation:.1f} naively")
    print(f"largest memory: {peaks[0]:.0f} MiB after the first pair, {peaks[-1]:.0f} MiB after the last")


if __name__ == "__main__":
    main()
