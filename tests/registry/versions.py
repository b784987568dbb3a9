"""Versions of a registered model that hold evidence and no weights: what promotion looks at, made in an instant."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ddlivm.files import write_json
from ddlivm.registry.ledger import ensure_model
from ddlivm.registry.promotion import EVIDENCE
from ddlivm.registry.store import experiment_id
from ddlivm.registry.versions import LINEAGE
from tests.registry.parts import evidence

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "plants"
RECORD = {
    "data_md5": "abc.dir",
    "git": "revision",
    "image": "host/ddlivm-light@sha256:2",
    "parents": [
        {"input": "bank", "key": "k1", "git": "revision", "image": "host/ddlivm-heavy@sha256:1"},
        {"input": "series"},
    ],
    "parameters": {"dtft_training.epochs": "7"},
}


def make_versions(client: "MlflowClient", *map40: float, name: str = NAME) -> None:
    """Make version 1, 2, … with these mAPs."""
    ensure_model(client, name, "tests")
    place = experiment_id(client, name)
    for value in map40:
        run = client.create_run(place).info.run_id
        with tempfile.TemporaryDirectory() as folder:
            evidence(map40=value).save(Path(folder) / EVIDENCE)
            write_json(Path(folder) / LINEAGE, RECORD)
            client.log_artifacts(run, folder)
        client.create_model_version(name, f"runs:/{run}/{EVIDENCE}", run, await_creation_for=0)
