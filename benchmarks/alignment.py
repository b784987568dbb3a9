"""How well pairs are aligned: corner errors, failures that nobody flagged, and time, of nine ways.

    OMP_NUM_THREADS=1 python -m benchmarks.alignment --data data --segmenter build/segmenter/site5 [--real DIR]

Simulated pairs have an exact truth, and masks by the segmenter. Real pairs (`--real`, a folder with T-images/*_T.JPG
and V-images/*_V.JPG that came registered) get one: windows of random place and size are cut out of each infrared image
and blown up to the whole frame, and the window is what is asked for. Their own registration is off by some pixels,
which no way may know. Errors are mean distances of the four corners of the infrared image, in raw infrared pixels of
simulated pairs and in pixels of the original images of real ones. A transform that is off by more than 20 pixels and
not flagged is a silent failure. Time is the processor's, of one thread.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.aligners import Found, Pictures, aligners
from ddlivm.alignment import PairEvidence, align_pair, align_pairs, gather
from ddlivm.data import DataSet, Transform, read_infrared, read_visible
from ddlivm.errors import InputError
from ddlivm.evaluation.charts import Series, lines
from ddlivm.files import read_json, write_json
from ddlivm.parameters import Alignment, load_parameters
from ddlivm.segmentation import Segmenter, load_segmenter

LIMITS = (3, 5, 10)
SILENT = 20
DOUBTS = {"low_confidence", "site_fallback"}


@dataclass(frozen=True)
class Case:
    """One pair to align.

    Attributes:
        evidence: what the project's ways work on.
        pictures: what the others work on.
        truth: raw infrared to raw visible pixels.
        unit: raw visible pixels of one pixel of the errors.
    """

    evidence: PairEvidence
    pictures: Pictures
    truth: Transform
    unit: float


@dataclass
class Scores:
    """One way's results: parallel lists over cases, and seconds in all."""

    errors: list[float] = field(default_factory=list)
    flags: list[bool] = field(default_factory=list)
    seconds: float = 0.0


def simulated(data: Path, segmenter: Segmenter, most: int) -> Iterator[tuple[str, list[Case]]]:
    for site in DataSet.load(data).sites.values():
        truth = read_json(site.folder / "truth.json")["pairs"]
        cases = []
        for pair in site.pairs[:: max(len(site.pairs) // most, 1)][:most]:
            infrared, visible = pair.read_infrared().values, pair.read_visible()
            known = Transform(**truth[pair.name])
            cases.append(_case(pair.name, infrared, visible, known, known.scale, segmenter))
        yield site.id, cases


def real(
    folder: Path, most: int, windows: int, seed: int = 0, shared: bool = False
) -> Iterator[tuple[str, list[Case]]]:
    """Yield windows of real pairs, without masks: a segmenter of simulated images need not know this plant.

    Args:
        folder: the pairs.
        most: pairs.
        windows: of each pair.
        seed: of the windows.
        shared: whether all pairs have the same window at a time.
    """
    paths = sorted((folder / "T-images").glob("*_T.JPG"))
    if not paths:
        raise InputError(f"{folder}: has no T-images/*_T.JPG")
    rng = np.random.default_rng(seed)
    for _ in range(windows):
        cases = []
        window = rng.uniform(0.5, 0.88), rng.uniform(), rng.uniform()
        for path in paths[:: max(len(paths) // most, 1)][:most]:
            whole = read_infrared(path).values
            height, width = whole.shape
            scale, along, down = window if shared else (rng.uniform(0.5, 0.88), rng.uniform(), rng.uniform())
            x, y = along * width * (1 - scale), down * height * (1 - scale)
            matrix = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            infrared = np.asarray(cv2.warpAffine(whole, matrix, (width, height), flags=flags), np.float32)
            name = path.stem.removesuffix("_T")
            visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
            cases.append(_case(name, infrared, visible, Transform(scale, x, y), 1.0, None))
        yield "windows", cases


def _case(
    name: str,
    infrared: npt.NDArray[np.float32],
    visible: npt.NDArray[np.uint8],
    truth: Transform,
    unit: float,
    segmenter: Segmenter | None,
) -> Case:
    masks = segmenter.small_probabilities([infrared, visible]) if segmenter else (None, None)
    return Case(gather(name, infrared, visible, *masks), Pictures.of(infrared, visible), truth, unit)


def run(cases: Sequence[Case], parameters: Alignment, by_site: bool, slow: bool) -> dict[str, Scores]:
    """Align every case in every way."""
    results: dict[str, Scores] = {}

    def note(way: str, case: Case, found: Found, seconds: float) -> None:
        scores = results.setdefault(way, Scores())
        scores.errors.append(corner_error(found[0], case))
        scores.flags.append(found[1])
        scores.seconds += seconds

    for name in ("paper", "structure"):
        section = parameters.model_copy(update={"method": name})
        for case in cases:
            begun = time.process_time()
            note(name, case, _alone(case, section), time.process_time() - begun)
    if by_site:
        begun = time.process_time()
        _, found = align_pairs((case.evidence for case in cases), parameters)
        each = (time.process_time() - begun) / len(cases)
        for case in cases:
            alignment = found[case.evidence.name]
            note("site", case, (alignment.transform, bool(DOUBTS & {*alignment.flags})), each)
    for name, align in aligners(slow).items():
        for case in cases:
            begun = time.process_time()
            matrix, doubtful = align(case.pictures)
            found_one = (case.pictures.transform(matrix) if matrix is not None else None, doubtful)
            note(name, case, found_one, time.process_time() - begun)
    return results


def _alone(case: Case, parameters: Alignment) -> Found:
    try:
        found = align_pair(case.evidence, parameters)
    except InputError:  # one pair alone may show no panels
        return None, True
    return found.transform, bool(DOUBTS & {*found.flags})


def corner_error(found: Transform | None, case: Case) -> float:
    """Return the corners' mean distance; infinite without a transform."""
    if found is None:
        return float("inf")
    width, height = case.evidence.infrared_size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    apart = np.linalg.norm(found.to_visible(corners) - case.truth.to_visible(corners), axis=1)
    return float(apart.mean() / case.unit)


def table(title: str, results: dict[str, Scores]) -> list[dict[str, float | str | None]]:
    """Print a row a way, and return them."""
    fastest = results["structure"].seconds / len(results["structure"].errors)
    print(f"\n{title}\n")
    print(
        f"{'way':<22}{'pairs':>6}{'median':>9}{'p95':>9}" + "".join(f"{f'<={limit} px':>9}" for limit in LIMITS), end=""
    )
    print(f"{'flagged':>9}{'silent':>8}{'ms a pair':>11}{'ratio':>8}")
    rows: list[dict[str, float | str | None]] = []
    for way, scores in results.items():
        errors = np.array(scores.errors)
        median, high = (float(np.percentile(errors, share, method="higher")) for share in (50, 95))
        within = [float(100 * np.mean(errors <= limit)) for limit in LIMITS]
        silent = int((errors[~np.array(scores.flags)] > SILENT).sum())
        each = scores.seconds / len(errors)
        print(
            f"{way:<22}{len(errors):>6}{median:>9.2f}{high:>9.2f}" + "".join(f"{share:>8.0f}%" for share in within),
            end="",
        )
        print(f"{sum(scores.flags):>9}{silent:>8}{1000 * each:>11.1f}{each / fastest:>8.1f}", flush=True)
        finite = {key: value if np.isfinite(value) else None for key, value in (("median", median), ("p95", high))}
        row: dict[str, float | str | None] = {"pairs": title, "way": way, "count": len(errors), **finite}
        row |= {f"within_{limit}": share for limit, share in zip(LIMITS, within, strict=True)}
        rows.append(row | {"flagged": sum(scores.flags), "silent": silent, "milliseconds": 1000 * each})
    return rows


def plot(title: str, results: dict[str, Scores]) -> str:
    """Return a chart: the share of pairs within an error, for each way."""
    limits = np.linspace(0, 20, 81)
    series = [
        Series(way, limits.tolist(), [float(np.mean(np.array(scores.errors) <= limit)) for limit in limits])
        for way, scores in results.items()
    ]
    return lines(title, series, "corner error, pixels", "share of pairs", (520, 340), (0.0, 1.0))


def parser_of(description: str | None, pairs: int) -> argparse.ArgumentParser:
    """Return a parser of what all measurements of alignment are told; `pairs` is the default of that argument."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"), help="a simulated data set")
    parser.add_argument("--segmenter", type=Path, default=Path("build/segmenter/site5"), help="a trained segmenter")
    parser.add_argument("--real", type=Path, help="a folder of registered real pairs")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--pairs", type=int, default=pairs, help="of a site, at most")
    parser.add_argument("--windows", type=int, default=4, help="of a real pair")
    parser.add_argument("--json", type=Path, help="a file for the tables")
    return parser


def main() -> None:
    parser = parser_of(__doc__, pairs=12)
    parser.add_argument("--slow", action="store_true", help="also mutual information and the exhaustive search")
    parser.add_argument("--plots", type=Path, help="an HTML file for the plots")
    arguments = parser.parse_args()
    if not arguments.segmenter.is_dir():
        print(f"{arguments.segmenter}: is not there; run `make demo` first, or give --segmenter", file=sys.stderr)
        return
    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    rows: list[dict[str, float | str | None]] = []
    charts = []
    try:
        parameters = load_parameters(arguments.params).alignment
        groups = [("simulated", True, simulated(arguments.data, load_segmenter(arguments.segmenter), arguments.pairs))]
        if arguments.real:
            groups.append(("real windows", False, real(arguments.real, arguments.pairs, arguments.windows)))
        for title, by_site, cases in groups:
            together: dict[str, Scores] = {}
            for _, group in cases:
                for way, scores in run(group, parameters, by_site, arguments.slow).items():
                    whole = together.setdefault(way, Scores())
                    whole.errors += scores.errors
                    whole.flags += scores.flags
                    whole.seconds += scores.seconds
            rows += table(title, together)
            charts.append(plot(title, together))
    except InputError as error:
        sys.exit(str(error))
    if arguments.json:
        write_json(arguments.json, rows)
    if arguments.plots:
        arguments.plots.write_text("<!doctype html><meta charset='utf-8'>" + "".join(charts), encoding="utf-8")


if __name__ == "__main__":
    main()
