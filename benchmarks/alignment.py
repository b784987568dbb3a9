"""How well pairs are aligned: corner errors of the project's way, of the paper's, and of SIFT with RANSAC.

    OMP_NUM_THREADS=1 python -m benchmarks.alignment --data data --segmenter build/segmenter/site5 [--real DIR]

The error of a pair is that of the worst corner of the infrared image, in raw infrared pixels. A transform that is
given without a flag and is off by more than 10 pixels is a silent failure. Ways to align:

- site: `align_pairs` over all pairs of a site, as the pipeline does; pair: the same with each pair alone;
- masks, site and masks, pair: the paper's algorithm to the letter, panel masks and nothing else;
- SIFT: key points of both grey pictures, Lowe's ratio 0.8, a similarity by RANSAC; flagged under ten inliers.

Simulated pairs have an exact truth. Real pairs (`--real`, a folder with T-images/*_T.JPG and V-images/*_V.JPG that
came registered) get one: a window is cut out of each infrared image and blown up to the whole frame, and the window is
what is asked for. Their own registration is off by some pixels, which the window magnifies.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.alignment import PairEvidence, align_pair, align_pairs, gather
from ddlivm.data import DataSet, PairAlignment, Transform, read_infrared, read_visible
from ddlivm.errors import InputError
from ddlivm.files import read_json
from ddlivm.parameters import Alignment, load_parameters
from ddlivm.segmentation import Segmenter, load_segmenter

LIMITS = (3, 5, 10)
INLIERS = 10
WINDOWS = ((120, 70, 568, 428), (20, 130, 468, 488), (64, 51, 576, 461))
"""xyxy pixels of a 640x512 infrared image: two of 70 % and one of 80 %."""
Found = tuple[Transform | None, bool]


@dataclass(frozen=True)
class Case:
    """One pair to align.

    Attributes:
        evidence: what the project's way works on.
        infrared: raw (H, W) float32.
        visible: raw (H, W, 3) uint8 RGB.
        truth: raw infrared to raw visible pixels.
    """

    evidence: PairEvidence
    infrared: npt.NDArray[np.float32]
    visible: npt.NDArray[np.uint8]
    truth: Transform


def simulated(data: Path, segmenter: Segmenter, most: int) -> Iterator[tuple[str, list[Case]]]:
    for site in DataSet.load(data).sites.values():
        truth = read_json(site.folder / "truth.json")["pairs"]
        cases = []
        for pair in site.pairs[:most]:
            infrared, visible = pair.read_infrared().values, pair.read_visible()
            cases.append(_case(pair.name, infrared, visible, Transform(**truth[pair.name]), segmenter))
        yield site.id, cases


def real(folder: Path, segmenter: Segmenter, most: int) -> Iterator[tuple[str, list[Case]]]:
    paths = sorted((folder / "T-images").glob("*_T.JPG"))
    if not paths:
        raise InputError(f"{folder}: has no T-images/*_T.JPG")
    for x0, y0, x1, y1 in WINDOWS:
        cases = []
        for path in paths[:: max(len(paths) // most, 1)][:most]:
            whole = read_infrared(path).values
            size = (whole.shape[1], whole.shape[0])
            infrared = np.asarray(cv2.resize(whole[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR), np.float32)
            name = path.stem.removesuffix("_T")
            visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
            truth = Transform((x1 - x0) / size[0] * visible.shape[1] / size[0], x0, y0)
            cases.append(_case(name, infrared, visible, truth, segmenter))
        yield f"real, window {x1 - x0}x{y1 - y0}+{x0}+{y0}", cases


def _case(
    name: str,
    infrared: npt.NDArray[np.float32],
    visible: npt.NDArray[np.uint8],
    truth: Transform,
    segmenter: Segmenter,
) -> Case:
    masks = segmenter.small_probabilities([infrared, visible])
    return Case(gather(name, infrared, visible, *masks), infrared, visible, truth)


def ways(parameters: Alignment) -> dict[str, Callable[[Sequence[Case]], list[Found]]]:
    """Return each way to align, by its name: from a site's cases to a transform and whether it is flagged."""
    masks = parameters.model_copy(update={"structure_weight": 0.0})

    def site(cases: Sequence[Case]) -> list[Found]:
        found = align_pairs([case.evidence for case in cases], parameters)[1]
        return [_found(found[case.evidence.name]) for case in cases]

    def masks_site(cases: Sequence[Case]) -> list[Found]:
        return [_found(align_pairs([case.evidence for case in cases], masks)[0])] * len(cases)

    def masks_pair(case: Case) -> Found:
        return _found(align_pairs([case.evidence], masks)[0])

    return {
        "site": site,
        "pair": _each(lambda case: _found(align_pair(case.evidence, parameters))),
        "masks, site": masks_site,
        "masks, pair": _each(masks_pair),
        "SIFT": _each(lambda case: sift(case.infrared, case.visible)),
    }


def _found(alignment: PairAlignment) -> Found:
    return alignment.transform, bool(set(alignment.flags) - {"registered"})


def _each(align: Callable[[Case], Found]) -> Callable[[Sequence[Case]], list[Found]]:
    def all_of(cases: Sequence[Case]) -> list[Found]:
        found: list[Found] = []
        for case in cases:
            try:
                found.append(align(case))
            except InputError:  # one pair alone may show no panels
                found.append((None, True))
        return found

    return all_of


def sift(infrared: npt.NDArray[np.float32], visible: npt.NDArray[np.uint8]) -> Found:
    """Align by key points, both pictures at the infrared one's width."""
    low, high = np.percentile(infrared, [1, 99])
    warm = (np.clip((infrared - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)
    factor = infrared.shape[1] / visible.shape[1]
    grey = cv2.cvtColor(visible, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (infrared.shape[1], round(visible.shape[0] * factor)), interpolation=cv2.INTER_AREA)
    detector = cv2.SIFT.create(2000)
    (points, features), (others, other_features) = (detector.detectAndCompute(image, None) for image in (warm, grey))
    if features is None or other_features is None or len(others) < 2:
        return None, True
    matches = cv2.BFMatcher(cv2.NORM_L2).knnMatch(features, other_features, k=2)
    good = [first for first, second in matches if first.distance < 0.8 * second.distance]
    if len(good) < 3:
        return None, True
    source = np.array([points[match.queryIdx].pt for match in good])
    target = np.array([others[match.trainIdx].pt for match in good])
    matrix, inliers = cv2.estimateAffinePartial2D(source, target, method=cv2.RANSAC, ransacReprojThreshold=3.0)
    if matrix is None:
        return None, True
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    angle = float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))
    if scale < 1e-3:
        return None, True
    found = Transform(scale / factor, float(matrix[0, 2]) / factor, float(matrix[1, 2]) / factor, angle)
    return found, int(inliers.sum()) < INLIERS


def corner_error(found: Transform | None, case: Case) -> float:
    """Return the worst corner's distance in raw infrared pixels; infinite without a transform."""
    if found is None:
        return float("inf")
    width, height = case.evidence.infrared_size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    return float(np.linalg.norm(case.truth.to_infrared(found.to_visible(corners)) - corners, axis=1).max())


def row(label: str, way: str, errors: Sequence[float], flags: Sequence[bool]) -> str:
    values = np.array(errors)
    median, high = (np.percentile(values, share, method="higher") for share in (50, 95))
    within = "".join(f"{100 * np.mean(values <= limit):7.0f}%" for limit in LIMITS)
    silent = int((values[~np.array(flags)] > LIMITS[-1]).sum())
    return f"{label:<28}{way:<13}{len(values):>6}{median:>9.2f}{high:>9.2f}{within}{sum(flags):>9}{silent:>8}"


def table(groups: Iterator[tuple[str, list[Case]]], parameters: Alignment, title: str) -> None:
    print(f"\n{title}\n")
    limits = "".join(f"{f'<={limit} px':>8}" for limit in LIMITS)
    print(f"{'':<28}{'way':<13}{'pairs':>6}{'median':>9}{'p95':>9}{limits}{'flagged':>9}{'silent':>8}")
    all_errors: dict[str, list[float]] = {}
    all_flags: dict[str, list[bool]] = {}
    for label, cases in groups:
        for way, align in ways(parameters).items():
            try:
                found = align(cases)
            except InputError as error:
                print(f"{label:<28}{way:<13}{error}")
                found = [(None, True)] * len(cases)
            errors = [corner_error(transform, case) for (transform, _), case in zip(found, cases, strict=True)]
            flags = [flagged for _, flagged in found]
            all_errors.setdefault(way, []).extend(errors)
            all_flags.setdefault(way, []).extend(flags)
            print(row(label, way, errors, flags), flush=True)
    for way, errors in all_errors.items():
        print(row("all", way, errors, all_flags[way]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="a simulated data set")
    parser.add_argument("--segmenter", type=Path, default=Path("build/segmenter/site5"), help="a trained segmenter")
    parser.add_argument("--real", type=Path, help="a folder of registered real pairs")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--pairs", type=int, default=12, help="of a site, at most")
    arguments = parser.parse_args()
    if not arguments.segmenter.is_dir():
        print(f"{arguments.segmenter}: is not there; run `make demo` first, or give --segmenter", file=sys.stderr)
        return
    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    try:
        parameters = load_parameters(arguments.params).alignment
        segmenter = load_segmenter(arguments.segmenter)
        table(simulated(arguments.data, segmenter, arguments.pairs), parameters, f"{arguments.data}, simulated")
        if arguments.real:
            table(real(arguments.real, segmenter, arguments.pairs), parameters, f"{arguments.real}")
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
