"""Run the Kubeflow pipeline in this process, each container's command as a child process: `FOLDER`.

Kubeflow's own local runner orchestrates: loops, nested pipelines, placeholders, executor inputs and outputs are its.
Only the container engine is replaced, so this holds where there is none.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kfp import local
from kfp.local import docker_task_handler, status


def run_as_process(handler: Any) -> Any:
    """Run a container's command with this interpreter and report its exit status."""
    command = [sys.executable if word == "python" else word for word in handler.full_command]
    finished = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.getcwd()}, check=False)  # noqa: PTH109
    return status.Status.SUCCESS if finished.returncode == 0 else status.Status.FAILURE


def main(folder: Path) -> None:
    """Run the pipeline on the repository in the working directory, below `folder`."""
    from pipelines.retrain import retrain

    docker_task_handler.DockerTaskHandler.run = run_as_process
    local.init(local.DockerRunner(), pipeline_root=str(folder), raise_on_error=True)
    retrain(data_uri=str(Path("data").absolute()), params_uri=str(Path("params.yaml").absolute()),
            sites=["site2"], folds=["site2"])  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
