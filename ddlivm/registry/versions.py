"""Versions of the registered model: one a content, and the aliases that say which is which."""

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ddlivm.evaluation.figures import FoldFigures
from ddlivm.inspection.model import ShippedModel
from ddlivm.parameters import Gate
from ddlivm.registry.gate import Verdict, judge
from ddlivm.registry.store import experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
CONTENT, JUDGED, HEAD, VERDICT = "ddlivm.content", "ddlivm.judged", "ddlivm.head", "ddlivm.verdict"
ARTIFACT = "model"
EVIDENCE = "gate"
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
        figures: the fold `all`'s figures folder.
        folds: every fold's figures, the fold `all`'s included.
    """

    model: ShippedModel
    figures: Path
    folds: tuple[FoldFigures, ...]

    @property
    def own(self) -> FoldFigures:
        """The fold `all`'s figures."""
        return FoldFigures.load(self.figures)


def register_version(client: "MlflowClient", name: str, candidate: Candidate, gate: Gate) -> Registered:
    """Register a model once a content, judge it against the champion, and set the aliases.

    What was registered and judged by the same figures and floors before stays as it is.
    """
    version = _find(client, name, candidate.model) or _create(client, name, candidate)
    champion = _aliased(client, name, CHAMPION)
    judged = _fingerprint(candidate, gate)
    if version.tags.get(JUDGED) == judged:
        decided = json.loads(version.tags[VERDICT])
        verdict = Verdict(decided["decision"], tuple(decided["reasons"]))
    else:
        verdict = _judge(client, candidate, gate, None if _same(version, champion) else champion)
        _rename(client, name, version, champion, verdict)
        client.set_model_version_tag(
            name, version.version, VERDICT, json.dumps({"decision": verdict.decision, "reasons": verdict.reasons})
        )
        client.set_model_version_tag(name, version.version, JUDGED, judged)  # last: a kill before it judges again
    aliases = tuple(sorted(client.get_model_version(name, version.version).aliases))
    return Registered(name, str(version.version), str(version.run_id), verdict, aliases)


def _find(client: "MlflowClient", name: str, model: ShippedModel) -> "ModelVersion | None":
    found = client.search_model_versions(f"name = '{name}' and tags.`{CONTENT}` = '{model.card.content_hash}'")
    return found[0] if found else None


def _create(client: "MlflowClient", name: str, candidate: Candidate) -> "ModelVersion":
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    from ddlivm.registry.signature import signature

    card = candidate.model.card
    title = f"registration {card.content_hash[:12]}"
    with (
        warnings.catch_warnings(),
        mlflow.start_run(experiment_id=experiment_id(client, name), run_name=title) as run,
    ):
        warnings.simplefilter("ignore", UserWarning)  # advice to give an example; the signature is given instead
        logged = mlflow.pyfunc.log_model(
            name=ARTIFACT,
            python_model=str(CODE),
            artifacts={ARTIFACT: str(candidate.model.folder)},
            signature=signature(),
            pip_requirements=["ddlivm"],
        )
        mlflow.log_artifact(str(candidate.figures / "figures.json"), EVIDENCE)
    try:
        client.create_registered_model(name, description="DD-LIVM: photovoltaic defects in infrared-visible pairs")
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
    tags = {CONTENT: card.content_hash, HEAD: card.default}
    return client.create_model_version(
        name, logged.model_uri, run_id=run.info.run_id, tags=tags, model_id=logged.model_id
    )


def _judge(client: "MlflowClient", candidate: Candidate, gate: Gate, champion: "ModelVersion | None") -> Verdict:
    import mlflow

    known = None
    if champion is not None:
        uri = f"runs:/{champion.run_id}/{EVIDENCE}"
        known = FoldFigures.load(Path(mlflow.artifacts.download_artifacts(uri))), champion.tags[HEAD]
    return judge(candidate.own, candidate.model.card.default, candidate.folds, gate, known)


def _rename(
    client: "MlflowClient", name: str, version: "ModelVersion", champion: "ModelVersion | None", verdict: Verdict
) -> None:
    """Give the aliases; a champion is never taken down here, only replaced."""
    if verdict.decision == "REJECT":
        return
    client.set_registered_model_alias(name, CHALLENGER, version.version)
    if verdict.decision == "PROMOTE" and not _same(version, champion):
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, champion.version)
        client.set_registered_model_alias(name, CHAMPION, version.version)


def _aliased(client: "MlflowClient", name: str, alias: str) -> "ModelVersion | None":
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _same(version: "ModelVersion", other: "ModelVersion | None") -> bool:
    return other is not None and str(version.version) == str(other.version)


def _fingerprint(candidate: Candidate, gate: Gate) -> str:
    """Return a digest of what the gate looks at, the champion aside."""
    figures = [(fold.fold, repr(fold.heads)) for fold in candidate.folds]
    return hashlib.sha256(json.dumps([figures, gate.model_dump(mode="json")]).encode()).hexdigest()
