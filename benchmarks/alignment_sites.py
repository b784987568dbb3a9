"""What a site's pairs say together: its transform, how far confidence can be trusted, and what a pair costs.

    OMP_NUM_THREADS=1 python -m benchmarks.alignment_sites --data data --segmenter build/segmenter/site5 [--real DIR]

Four tables. Simulated sites: the found transform against the median of the pairs' exact ones, in percent of the scale
and in infrared pixels of the offset; and the pairs' own, the share that is within 5 pixels. Real rigs (`--real`, as in
`benchmarks.alignment`): one window for six pairs, the mean corner error of what they say together. Confidence: every
pair alone, real windows and pairs put together from two places that lie apart; what is above 0.5. Cost: the
processor's seconds a pair of one thread with masks given, and the whole program's peak memory, over more pairs.
"""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

import cv2
import numpy as np

from benchmarks.alignment import Case, corner_error, parser_of, real, simulated
from ddlivm.alignment import PairEvidence, align_pair, align_pairs
from ddlivm.errors import InputError
from ddlivm.files import write_json
from ddlivm.parameters import Alignment, load_parameters
from ddlivm.segmentation import load_segmenter

TOGETHER = 6
WRONG = 20
COUNTS = (100, 1000)
Row = dict[str, float | str]


def sites(groups: Iterator[tuple[str, list[Case]]], parameters: Alignment) -> list[Row]:
    """Compare each simulated site's transform with its truth."""
    rows: list[Row] = []
    for site, cases in groups:
        found, pairs = align_pairs((case.evidence for case in cases), parameters)
        scale, x, y = np.median([(c.truth.scale, c.truth.offset_x, c.truth.offset_y) for c in cases], axis=0)
        apart = np.hypot(found.transform.offset_x - x, found.transform.offset_y - y) / scale
        errors = np.array([corner_error(pairs[case.evidence.name].transform, case) for case in cases])
        row: Row = {
            "site": site,
            "pairs": len(cases),
            "scale_percent": float(100 * abs(found.transform.scale / scale - 1)),
        }
        row |= {"offset": float(apart), "within_5": float(100 * np.mean(errors <= 5)), "worst": float(errors.max())}
        rows.append(row | {"confidence": found.confidence})
    return rows


def rigs(windows: list[list[Case]], parameters: Alignment, count: int) -> list[Row]:
    """Let six real pairs of one window speak together.

    Args:
        windows: of each window, all pairs.
        parameters: the section.
        count: rigs of each window.
    """
    rng = np.random.default_rng(0)
    together, alone = [], []
    for cases in windows:
        for _ in range(count):
            few = [cases[index] for index in rng.choice(len(cases), TOGETHER, replace=False)]
            found, pairs = align_pairs((case.evidence for case in few), parameters)
            together.append(corner_error(found.transform, few[0]))
            alone += [corner_error(pairs[case.evidence.name].transform, case) for case in few]
    row: Row = {"rigs": len(together), "median": float(np.median(together)), "worst": max(together)}
    row |= {"within_8": float(100 * np.mean(np.array(together) < 8))}
    return [row | {"pairs_within_8": float(100 * np.mean(np.array(alone) < 8)), "worst_pair": max(alone)}]


def confidence(cases: list[Case], strangers: list[PairEvidence], parameters: Alignment) -> list[Row]:
    """Count what is believed, of right and of wrong answers."""
    found = [align_pair(case.evidence, parameters) for case in cases]
    errors = np.array([corner_error(one.transform, case) for one, case in zip(found, cases, strict=True)])
    believed = np.array([one.confidence > 0.5 for one in found])
    strange = [align_pair(pair, parameters).confidence for pair in strangers]
    row: Row = {"pairs": len(cases), "median": float(np.median(errors)), "p95": float(np.percentile(errors, 95))}
    row |= {"within_10": float(100 * np.mean(errors < 10)), "wrong": int((errors > WRONG).sum())}
    row |= {"wrong_believed": int((believed & (errors > WRONG)).sum())}
    row |= {"right_believed": float(100 * np.mean(believed[errors < 10]))}
    return [row | {"strangers": len(strange), "strangers_believed": int(sum(each > 0.5 for each in strange))}]


def cost(pairs: list[PairEvidence], parameters: Alignment) -> list[Row]:
    """Align the same pairs again and again, as one long flight."""
    rows: list[Row] = []
    for count in COUNTS:
        flight = (replace(pair, name=str(index)) for index, pair in enumerate(islice(cycle(pairs), count)))
        begun = time.process_time()
        align_pairs(flight, parameters)
        seconds = (time.process_time() - begun) / count
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"pairs": count, "ms_a_pair": 1000 * seconds, "a_second": 1 / seconds, "peak_MiB": most})
    return rows


def show(title: str, rows: list[Row]) -> None:
    print(f"\n{title}\n")
    print("".join(f"{key:>18}" for key in rows[0]))
    for row in rows:
        print("".join(f"{value if isinstance(value, str | int) else f'{value:.2f}':>18}" for value in row.values()))
    sys.stdout.flush()


def strange(cases: list[Case], step: int) -> list[PairEvidence]:
    """Put each infrared image together with the visible one of a pair so many further on."""
    pairs = [case.evidence for case in cases]
    others = pairs[step:] + pairs[:step]
    return [
        replace(one, visible_size=other.visible_size, visible=other.visible, visible_mask=other.visible_mask)
        for one, other in zip(pairs, others, strict=True)
    ]


def main() -> None:
    arguments = parser_of(__doc__, pairs=48).parse_args()
    if not arguments.segmenter.is_dir():
        print(f"{arguments.segmenter}: is not there; run `make demo` first, or give --segmenter", file=sys.stderr)
        return
    cv2.setNumThreads(1)
    tables: dict[str, list[Row]] = {}
    try:
        parameters = load_parameters(arguments.params).alignment
        groups = list(simulated(arguments.data, load_segmenter(arguments.segmenter), arguments.pairs))
        tables["simulated sites"] = sites(iter(groups), parameters)
        show("simulated sites", tables["simulated sites"])
        if arguments.real:
            shared = [
                cases for _, cases in real(arguments.real, arguments.pairs, arguments.windows, seed=2, shared=True)
            ]
            tables["real rigs"] = rigs(shared, parameters, count=5)
            show("real rigs", tables["real rigs"])
            own = [
                case for _, cases in real(arguments.real, arguments.pairs, arguments.windows, seed=1) for case in cases
            ]
            tables["confidence"] = confidence(own, strange(own, len(own) // arguments.windows // 2), parameters)
            show("confidence", tables["confidence"])
        tables["cost"] = cost([case.evidence for case in groups[0][1]], parameters)
        show("cost", tables["cost"])
    except InputError as error:
        sys.exit(str(error))
    if arguments.json:
        write_json(arguments.json, tables)


if __name__ == "__main__":
    main()
