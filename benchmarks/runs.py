"""What several runs of the pipeline reached: mean and spread over them, run by run.

    python -m benchmarks.runs --run seed0=. --run seed1=../seed1 --run seed2=../seed2 --out FILE

A run is a checkout with a finished `make demo`: its `reports/summary.json`, and the gate's verdict. Runs may differ in
`dtft_training.seed` and `head_checkpointing.seed`, or in a setting that is compared. Every figure is of simulated data,
at the threshold that ships with each head.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from ddlivm.files import read_json, write_json

FIGURES = ("accuracy", "recall40", "map40")


def figures_of(checkout: Path) -> dict[str, Any]:
    """Return one run's figures."""
    summary = read_json(checkout / "reports" / "summary.json")
    registration = checkout / "build" / "registration" / "registration.json"
    verdict = read_json(registration) if registration.is_file() else {"verdict": "none", "reasons": []}
    return {
        **{name: round(summary[name], 4) for name in FIGURES},
        "predictions": summary["predictions"],
        "defects": summary["defects"],
        "accuracy at recall 0.6 (takes the labels)": {
            name: fold["matched"]["accuracy"] for name, fold in summary["folds"].items()
        },
        "folds": {
            name: {figure: round(fold[figure], 4) for figure in FIGURES}
            | {"head": fold["chosen"], "threshold": fold["threshold"], "set aside": fold["set_aside"]}
            for name, fold in summary["folds"].items()
        },
        "references": {
            name: {figure: round(row[figure], 4) for figure in FIGURES} for name, row in summary["references"].items()
        },
        "gate": verdict["verdict"],
        "reasons": verdict["reasons"],
        "minutes": round(summary["seconds"] / 60, 1),
        "gigabytes": round(summary["peak_memory_bytes"] / 1e9, 2),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return mean, standard deviation over the runs, and range."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    rounded = {"mean": statistics.fmean(values), "deviation": deviation, "lowest": min(values), "highest": max(values)}
    return {name: round(value, 4) for name, value in rounded.items()}


def main() -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, metavar="NAME=DIR", help="a run; may be repeated")
    parser.add_argument("--out", type=Path, help="a .json file for the figures")
    arguments = parser.parse_args()
    runs = {name: figures_of(Path(folder)) for name, _, folder in (entry.partition("=") for entry in arguments.run)}
    table = {
        "over runs": {figure: spread([run[figure] for run in runs.values()]) for figure in FIGURES},
        "promoted": f"{sum(run['gate'] == 'PROMOTE' for run in runs.values())} of {len(runs)}",
        "runs": runs,
    }
    for figure, row in table["over runs"].items():  # type: ignore[attr-defined]
        print(f"{figure:<10}{row['mean']:>8.3f} ± {row['deviation']:.3f}   {row['lowest']:.3f} to {row['highest']:.3f}")
    for name, run in runs.items():
        print(f"{name}: {run['accuracy']:.3f} {run['recall40']:.3f} {run['map40']:.3f} {run['gate']}")
    if arguments.out:
        write_json(arguments.out, table)


if __name__ == "__main__":
    main()
