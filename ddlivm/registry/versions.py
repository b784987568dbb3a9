"""Versions of the registered model: one a content, with the evidence and the lineage that belong to it."""

import hashlib
import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddlivm.files import write_json
from ddlivm.inspection.model import ShippedModel
from ddlivm.parameters import Gate
from ddlivm.registry.evidence import Evidence
from ddlivm.registry.gate import Verdict
from ddlivm.registry.ledger import CHALLENGER, change_champion, ensure_model
from ddlivm.registry.promotion import EVIDENCE, judge_against
from ddlivm.registry.store import JOINED, PARENT, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from ddlivm.registry.ledger import Entry, Ledger

CONTENT, JUDGED, HEAD, VERDICT = "ddlivm.content", "ddlivm.judged", "ddlivm.head", "ddlivm.verdict"
ARTIFACT = "model"
LINEAGE = "lineage.json"
"""A file of a version's run: how the model came to be."""
CODE = Path(__file__).with_name("served_model.py")


@dataclass(frozen=True)
class Registered:
    """A version in the registry.

    Attributes:
        name: the registered model's name.
        version: its number there.
        run_id: the MLflow run that holds its files.
        verdict: the gate's answer, the champion considered.
        aliases: what the version is called now.
    """

    name: str
    version: str
    run_id: str
    verdict: Verdict
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A model that asks to be promoted.

    Attributes:
        model: its directory.
        evidence: its evaluation.
        lineage: how it came to be.
    """

    model: ShippedModel
    evidence: Evidence
    lineage: dict[str, Any]


def register_version(client: "MlflowClient", name: str, candidate: Candidate, gate: Gate, promote: bool) -> Registered:
    """Register a model once a content, judge it against the champion, and name it.

    What was registered and judged by the same evidence and criteria before stays as it is, so that a run of the same
    stage does not undo a rollback.

    Args:
        client: of the registry.
        name: the registered model's name.
        candidate: the model.
        gate: the criteria.
        promote: whether a model that the gate promotes becomes the champion now.
    """
    version = find_version(client, name, candidate.model.card.content_hash) or _create(client, name, candidate)
    number = str(version.version)
    judged = _fingerprint(candidate.evidence, gate)
    if version.tags.get(JUDGED) == judged:
        decided = json.loads(version.tags[VERDICT])
        verdict = Verdict(decided["decision"], tuple(decided["reasons"]))
    else:
        verdict = _judge(client, name, number, candidate.evidence, gate, promote)
        content = json.dumps({"decision": verdict.decision, "reasons": verdict.reasons})
        client.set_model_version_tag(name, number, HEAD, candidate.evidence.head)
        client.set_model_version_tag(name, number, VERDICT, content)
        client.set_model_version_tag(name, number, JUDGED, judged)  # last: a kill before it judges again
    aliases = tuple(sorted(client.get_model_version(name, number).aliases))
    return Registered(name, number, str(version.run_id), verdict, aliases)


def find_version(client: "MlflowClient", name: str, content_hash: str) -> "ModelVersion | None":
    """Return the version that holds a model of that content."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{CONTENT}` = '{content_hash}'")
    return found[0] if found else None


def _judge(client: "MlflowClient", name: str, version: str, evidence: Evidence, gate: Gate, promote: bool) -> Verdict:
    """Judge against the champion of this moment, and make the version its successor where that is wanted."""
    verdicts: list[Verdict] = []

    def decide(ledger: "Ledger") -> "Entry | None":
        champion = ledger.champion if ledger.champion != version else None
        verdicts.append(judge_against(client, name, evidence, champion, gate))
        if not promote or verdicts[-1].decision != "PROMOTE" or ledger.champion == version:
            return None
        return ledger.entry("promote", version, verdicts[-1], "registered, and promoted by the gate")

    change_champion(client, name, decide)
    if verdicts[-1].decision != "REJECT":
        client.set_registered_model_alias(name, CHALLENGER, version)
    return verdicts[-1]


def _create(client: "MlflowClient", name: str, candidate: Candidate) -> "ModelVersion":
    import mlflow

    from ddlivm.registry.signature import signature

    card = candidate.model.card
    joined = os.environ.get(JOINED)
    # A version has a run of its own: MLflow by itself would write all versions into the joined run, and end it.
    own = client.create_run(
        experiment_id(client, name),
        run_name=f"registration {card.content_hash[:12]}",
        tags={PARENT: joined} if joined else None,
    )
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        mlflow.start_run(own.info.run_id) as run,
    ):
        warnings.simplefilter("ignore", UserWarning)  # advice to give an example; the signature is given instead
        logged = mlflow.pyfunc.log_model(
            name=ARTIFACT,
            python_model=str(CODE),
            artifacts={ARTIFACT: str(candidate.model.folder)},
            signature=signature(),
            pip_requirements=["ddlivm"],
        )
        candidate.evidence.save(Path(folder) / EVIDENCE)
        write_json(Path(folder) / LINEAGE, candidate.lineage)
        mlflow.log_artifacts(folder)
    ensure_model(client, name, "DD-LIVM: photovoltaic defects in infrared-visible pairs")
    tags = {CONTENT: card.content_hash, HEAD: candidate.evidence.head}
    return client.create_model_version(
        name, logged.model_uri, run_id=run.info.run_id, tags=tags, model_id=logged.model_id
    )


def _fingerprint(evidence: Evidence, gate: Gate) -> str:
    """Return a digest of what the gate looks at, the champion and the clock aside."""
    figures = [
        (fold, own.chosen, repr(own.heads), evidence.results[fold].evaluation_set)
        for fold, own in sorted(evidence.figures.items())
    ]
    return hashlib.sha256(json.dumps([figures, evidence.size_bytes, gate.model_dump(mode="json")]).encode()).hexdigest()
