"""The demo's data: simulated where it is missing, and git's record of it left as it is.

`python -m pipelines.demo_data` renews that record, after a change of the simulation or of its parameters.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from ddlivm.errors import InputError
from ddlivm.files import read_json, read_yaml, write_json
from ddlivm.parameters import Simulation, load_parameters

BINARIES = Path(sys.executable).parent
DATA = Path("data")
POINTER = Path("data.dvc")
RECORD = Path("build/simulation.json")
PREVIOUS = Path("build/previous_data")


def prepare_data(parameters: Simulation, sites: int) -> None:
    """Make `data/` what params.yaml and data.dvc say; data that was not simulated is never touched.

    Another processor rounds otherwise and so gives other bytes than data.dvc names: that is said, and the run goes on
    with its own copy.

    Args:
        parameters: what to simulate.
        sites: how many sites.

    Raises:
        InputError: the simulation failed.
    """
    wanted = {"simulation": parameters.model_dump(mode="json"), "sites": sites, "pointer": _pointer()}
    if DATA.exists():
        if not _simulated():
            print(f"{DATA}/: is not simulated; going on with it", flush=True)
            return
        if RECORD.exists() and read_json(RECORD) == wanted:
            return
        if _is_as_recorded():
            write_json(RECORD, wanted)
            return
        _put_aside()
    _simulate(parameters, sites)
    if not _is_as_recorded():
        print(
            f"{DATA}/: has other bytes than {POINTER} names: this processor rounds otherwise, or `simulation` in "
            "params.yaml was changed; going on with this copy, and leaving git's record as it is",
            flush=True,
        )
    write_json(RECORD, wanted)


def record(parameters: Simulation, sites: int) -> None:
    """Simulate anew, and let data.dvc name what comes out.

    Raises:
        InputError: `data/` was not simulated, or the simulation failed.
    """
    if DATA.exists():
        if not _simulated():
            raise InputError(f"{DATA}: is not simulated; record your own data with: dvc add {DATA}")
        _put_aside()
    _simulate(parameters, sites)
    subprocess.run([str(BINARIES / "dvc"), "add", "--quiet", str(DATA)], check=True)


def _put_aside() -> None:
    shutil.rmtree(PREVIOUS, ignore_errors=True)
    PREVIOUS.parent.mkdir(exist_ok=True)
    DATA.rename(PREVIOUS)
    print(f"{DATA}/: is of another simulation; moved to {PREVIOUS}/", flush=True)


def _pointer() -> str:
    outs = read_yaml(POINTER)["outs"]
    return str(outs[0]["md5"])


def _simulated() -> bool:
    entries = read_yaml(DATA / "sites.yaml") if (DATA / "sites.yaml").exists() else []
    return bool(entries) and all(entry.get("simulated") for entry in entries)


def _is_as_recorded() -> bool:
    status = [str(BINARIES / "dvc"), "status", "--quiet", str(POINTER)]
    return subprocess.run(status, check=False).returncode == 0


def _simulate(parameters: Simulation, sites: int) -> None:
    command = [str(BINARIES / "ddlivm"), "simulate", "--sites", str(sites), "--pairs", str(parameters.pairs)]
    command += ["--seed", str(parameters.seed), "--out", str(DATA)]
    if subprocess.run(command, check=False).returncode != 0:
        raise InputError(f"{DATA}: the simulation failed; see above")


if __name__ == "__main__":
    try:
        given = load_parameters(Path("params.yaml"))
        record(given.simulation, len(given.sites))
    except InputError as error:
        sys.exit(f"demo_data: {error}")
