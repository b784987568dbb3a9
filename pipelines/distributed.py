"""Spread DTFT training over GPUs: over those of its pod by torchrun, or over pods by a Kubeflow TrainJob."""

import json
from typing import Any, Literal

from ddlivm.errors import InputError
from pipelines.train_job import train_job

STAGE = "dtft_training"
MODULE = f"components.{STAGE}"
Specification = dict[str, Any]


def spread(specification: Specification, how: Literal["pod", "trainjob"], gpus: int, nodes: int) -> Specification:
    """Return a compiled pipeline whose DTFT training runs in one process a GPU.

    Args:
        specification: the compiled pipeline's first document, images pinned.
        how: `pod`: the stage's own pod gets the GPUs. `trainjob`: the stage's pod gets none, makes a TrainJob with the
            same image and waits for it.
        gpus: of each pod that trains.
        nodes: pods that train together; one, unless it is a TrainJob.

    Raises:
        InputError: several nodes without a TrainJob.
    """
    if how == "pod" and nodes != 1:
        raise InputError("--nodes: one pod is one node; for more give --distributed trainjob")
    executors = dict(specification["deploymentSpec"]["executors"])
    for name, executor in executors.items():
        container = executor.get("container", {})
        if container.get("command") == ["python", "-m", MODULE]:
            changed = _in_one_pod(container, gpus) if how == "pod" else _as_train_job(container, gpus, nodes)
            executors[name] = executor | {"container": changed}
    return specification | {"deploymentSpec": specification["deploymentSpec"] | {"executors": executors}}


def _in_one_pod(container: dict[str, Any], gpus: int) -> dict[str, Any]:
    resources = container["resources"]
    accelerator = resources["accelerator"] | {"count": str(gpus), "resourceCount": str(gpus)}
    return container | {
        "command": ["torchrun", "--standalone", f"--nproc-per-node={gpus}", "-m", MODULE],
        "resources": resources | {"accelerator": accelerator},
    }


def _as_train_job(container: dict[str, Any], gpus: int, nodes: int) -> dict[str, Any]:
    resources = {name: value for name, value in container["resources"].items() if name != "accelerator"}
    manifest = json.dumps(train_job(container["image"], gpus, nodes), sort_keys=True)
    return container | {
        "command": ["python", "-m", "components.train_job", "--manifest", manifest, "--"],
        "resources": resources,
    }
