"""Run the Kubeflow pipeline on this machine with the built images: `make pipeline-local`.

1. Simulate smoke-size data, unless other data is given.
2. Start an MLflow server, unless MLFLOW_TRACKING_URI names one.
3. Run every stage in its container, two folds side by side, by Kubeflow's own runner.
4. Say where the report is.
"""

import argparse
import builtins
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import socket
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from ddlivm.data.folds import ALL
from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters
from pipelines.engine import check_engine, pipeline_root, runner
from pipelines.images.pins import Images, pin

ROOT = Path("build/local")
TRACKING = "MLFLOW_TRACKING_URI"
KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables by which NumPy's linear algebra chooses its kernels; with others, the last digits differ."""

PATIENCE = 300.0
"""Seconds that an MLflow server may take to start on a busy machine."""


def run(data: Path, params: Path, root: Path, images: Images, tracking: str) -> Path:
    """Run the pipeline, and return the folder of its tasks.

    Args:
        data: the data set's folder.
        params: params.yaml.
        root: what the run may write to.
        images: every stage's image, on this machine's engine.
        tracking: where models are registered.

    Raises:
        InputError: a stage failed.
    """
    from kfp import components, local

    parameters = load_parameters(params)
    inputs = [path.resolve() for path in (data, params)]
    pipeline = components.load_component_from_text(_compiled(images))
    environment = {TRACKING: tracking} | {name: os.environ[name] for name in KERNELS if name in os.environ}
    local.init(runner(inputs, environment), pipeline_root=str(pipeline_root(root.resolve())), raise_on_error=True)
    printing = builtins.print
    try:
        pipeline(
            data_uri=str(inputs[0]),
            params_uri=str(inputs[1]),
            sites=parameters.sites,
            folds=[fold for fold in parameters.folds if fold != ALL],
        )
    except RuntimeError as error:
        raise InputError(f"the run failed ({error}); its stage says why above") from error
    finally:
        builtins.print = printing  # Kubeflow indents it for each stage; stages side by side put back one another's
    return max(root.resolve().glob("*/"), key=lambda folder: folder.stat().st_mtime)


@contextmanager
def tracking_server(folder: Path) -> Iterator[str]:
    """Yield the address of an MLflow server: the environment's, or one that lives as long as the block.

    Raises:
        InputError: it does not start.
    """
    if given := os.environ.get(TRACKING):
        yield given
        return
    folder.mkdir(parents=True, exist_ok=True)
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1", "--backend-store-uri", f"sqlite:///{folder.resolve()}/mlflow.db",
               "--artifacts-destination", str(folder.resolve() / "artifacts")]  # fmt: skip
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(server, address, folder / "server.log")
        yield address
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def main() -> int:
    """Run the pipeline; return the exit status."""
    parser = argparse.ArgumentParser("python -m pipelines.local", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data set; by default smoke-size data is simulated")
    parser.add_argument("--params", type=Path, help="its params.yaml")
    parser.add_argument("--root", type=Path, default=ROOT, help="what the run may write to")
    given = parser.parse_args()
    if (given.data is None) != (given.params is None):
        parser.error("give --data and --params together, or neither")
    try:
        images = Images.load()
        check_engine()
        data, params = (given.data, given.params) if given.data else _smoke(given.root / "smoke")
        shutil.rmtree(given.root / "runs", ignore_errors=True)
        with tracking_server(given.root / "mlflow") as tracking:
            folder = run(data, params, given.root / "runs", images, tracking)
    except InputError as error:
        print(f"pipeline-local: {error}", file=sys.stderr)
        return 2
    print(f"report: {folder / 'report' / 'page'}")
    return 0


def _smoke(folder: Path) -> tuple[Path, Path]:
    from pipelines.smoke import write_data, write_params

    data, params = folder / "data", folder / "params.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    write_params(Path("params.yaml"), params)
    if not data.exists():
        write_data(data)
    return data, params


def _compiled(images: Images) -> str:
    from pipelines.retrain import documents

    return yaml.safe_dump(pin(documents()[0], images.named))


def _wait_for(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urlopen(f"{address}/health", timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise InputError(f"MLflow did not start; {log} says why")


if __name__ == "__main__":
    sys.exit(main())
