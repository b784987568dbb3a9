"""The embedded default, from nothing to a report: `python -m pipelines.demo`.

1. Simulate the plants into `data/`, unless they are there.
2. Run every stage that is not up to date, by DVC.
3. Say what was reached and where the report is, and log the run to MLflow.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ddlivm.errors import InputError
from ddlivm.files import read_yaml, sha256
from ddlivm.parameters import Parameters, load_parameters
from pipelines.demo_data import prepare_data

BINARIES = Path(sys.executable).parent
PARAMS = Path("params.yaml")
TRACKED = Path("build/tracked.sha256")
LOOPS = {"site": "sites", "fold": "folds"}


def run_stages(parameters: Parameters, jobs: int) -> None:
    """Run what is not up to date, folds side by side if there is more than one job.

    The stages are named one by one, so that DVC leaves `data.dvc` alone: where another processor's rounding gave other
    data, `dvc repro` on its own would rewrite it.
    """
    stages = read_yaml(Path("dvc.yaml"))["stages"]
    by_fold = [name for name, stage in stages.items() if "fold" in stage.get("matrix", {})]
    names = list(stages)
    if jobs == 1 or not by_fold:
        _repro(names, jobs)
        return
    first = names.index(by_fold[0])
    _repro(names[:first], 1)
    with ThreadPoolExecutor(jobs) as pool:
        chains = [[f"{name}@{fold}" for name in by_fold] for fold in parameters.folds]
        list(pool.map(lambda chain: _repro(chain, jobs), chains))
    _repro(names[first + len(by_fold) :], 1)


def track() -> None:
    """Log the run's files to MLflow, unless the same files were logged before."""
    state = sha256(Path("dvc.lock"))
    if TRACKED.exists() and TRACKED.read_text(encoding="ascii") == state:
        return
    _call("ddlivm", "track")
    TRACKED.write_text(state, encoding="ascii")


def _repro(stages: list[str], jobs: int) -> None:
    # Threads that spin while they wait take the cores from the fold beside them. The results are the same.
    shared = {"OMP_WAIT_POLICY": "passive"} if jobs > 1 else {}
    _call("dvc", "--wait-for-lock", "repro", "--single-item", *stages, **shared)


def _call(program: str, *arguments: str, **environment: str) -> None:
    try:
        subprocess.run([BINARIES / program, *arguments], check=True, env=os.environ | environment)
    except subprocess.CalledProcessError as error:
        command = next(word for word in arguments if not word.startswith("-"))
        raise InputError(f"{program} {command}: failed (exit status {error.returncode}); see above") from error


def main() -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser("python -m pipelines.demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=3, help="folds to run side by side")
    arguments = parser.parse_args()
    try:
        parameters = load_parameters(PARAMS)
        prepare_data(parameters.simulation, len(parameters.sites))
        run_stages(parameters, arguments.jobs)
        _call("ddlivm", "summary")
        track()
    except InputError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
