"""What a submission would run, worked out without a cluster."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from ddlivm.data.folds import ALL
from ddlivm.errors import InputError
from ddlivm.files import sha256
from ddlivm.parameters import load_parameters
from pipelines.distributed import spread
from pipelines.images.pins import Images, pin
from pipelines.submission.data import DataRevision, find_revision

PARAMS = Path("params.yaml")
PIPELINE = "ddlivm-retrain"
Distributed = Literal["pod", "trainjob"]


@dataclass(frozen=True)
class Plan:
    """A run.

    Attributes:
        text: the compiled pipeline, its images pinned.
        version: a hash of that text, which names it on the cluster.
        data: the data's revision.
        arguments: the pipeline's parameters but for the two addresses, which the store gives.
    """

    text: str
    version: str
    data: DataRevision
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """The run's name."""
        return f"{PIPELINE} {self.version} data {self.data.md5[:8]}"


def make_plan(revision: str, folds: Sequence[str], distributed: Distributed | None, gpus: int, nodes: int) -> Plan:
    """Compile a run.

    Args:
        revision: of the data.
        folds: sites to hold out; none for those of params.yaml.
        distributed: how DTFT training spreads; None for one process.
        gpus: of each pod that trains.
        nodes: pods that train together, with a TrainJob.

    Raises:
        InputError: the data is dirty, an image has no digest, or a fold is no site.
    """
    from pipelines.retrain import documents

    parameters = load_parameters(PARAMS)
    held_out = [fold for fold in folds or parameters.folds if fold != ALL]
    if unknown := [fold for fold in held_out if fold not in parameters.sites]:
        raise InputError(f"--folds: {unknown[0]!r} is no site; {PARAMS} has {', '.join(parameters.sites)}")
    images = Images.load().pinned
    data = find_revision(revision)
    specification, *platforms = documents()
    pinned = pin(specification, images)
    if distributed:
        pinned = spread(pinned, distributed, gpus, nodes)
    text = yaml.safe_dump_all([pinned, *platforms], sort_keys=True)
    arguments = {
        "sites": parameters.sites,
        "folds": held_out,
        "cache_key": f"{data.md5}+{sha256(PARAMS)[:16]}",
    }
    return Plan(text, hashlib.sha256(text.encode()).hexdigest()[:12], data, arguments)
