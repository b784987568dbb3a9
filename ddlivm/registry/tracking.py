"""Log a pipeline run to MLflow from the files that it left: a run, within it one a fold, within these one a stage."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ddlivm.parameters import load_parameters
from ddlivm.registry.run_files import FOLDERS, SITES, Metric, PipelineRun, StageRun, read_run
from ddlivm.registry.store import experiment_id, mlflow_client, shown_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONTENT, STAGE, MEMBER = "ddlivm.content", "ddlivm.stage", "ddlivm.member"
PARENT, TITLE = "mlflow.parentRunId", "mlflow.runName"
METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100
"""What MLflow takes in one call."""
Entry = TypeVar("Entry")


def track_run(build: Path, params: Path, experiment: str) -> str:
    """Log the build folder's files, unless the same files with the same parameters were logged before.

    A run that a kill left half logged is deleted and logged again.

    Args:
        build: the folder of the stages' outputs.
        params: params.yaml.
        experiment: the MLflow experiment's name.

    Returns:
        One line for the terminal.

    Raises:
        InputError: nothing was run, a file is damaged, or MLflow cannot be reached.
    """
    run = read_run(build, load_parameters(params))
    with mlflow_client() as client:
        place = experiment_id(client, experiment)
        for known in client.search_runs([place], f"tags.`{CONTENT}` = '{run.content}'"):
            if known.info.status == "FINISHED":
                return f"tracking: logged before, as run {known.info.run_id} at {shown_uri()}"
            _delete(client, place, known.info.run_id)
        logger = _Logger(client, place)
        identifier = logger.log_pipeline(run)
    return f"tracking: run {identifier} with {logger.count - 1} runs within, experiment {experiment}, at {shown_uri()}"


class _Logger:
    """Writes runs into one experiment."""

    def __init__(self, client: "MlflowClient", experiment: str) -> None:
        self._client = client
        self._experiment = experiment
        self._now = int(time.time() * 1000)
        self.count = 0

    def log_pipeline(self, run: PipelineRun) -> str:
        identifier = self._start(f"pipeline {run.content[:12]}", {CONTENT: run.content})
        self._values(identifier, run.parameters, run.metrics)
        folds: dict[str, str] = {}
        for stage in run.stages:
            parent = identifier
            if stage.member and stage.stage != FOLDERS[SITES]:
                if stage.member not in folds:
                    folds[stage.member] = self._start(
                        f"fold {stage.member}", {MEMBER: stage.member, PARENT: identifier}
                    )
                parent = folds[stage.member]
                if stage.stage == FOLDERS["figures"]:
                    self._values(parent, {}, stage.metrics)
            self._stage(stage, parent)
        for fold in folds.values():
            self._client.set_terminated(fold)
        self._client.set_terminated(identifier)  # last: this is what marks the whole as complete
        return identifier

    def _stage(self, stage: StageRun, parent: str) -> None:
        tags = {STAGE: stage.stage, MEMBER: stage.member, PARENT: parent}
        identifier = self._start(stage.title, tags | {f"ddlivm.{name}": text for name, text in stage.facts.items()})
        self._values(identifier, stage.parameters, stage.metrics)
        for path in stage.artifacts:
            inside = path.relative_to(stage.folder).parent.as_posix()
            self._client.log_artifact(identifier, str(path), None if inside == "." else inside)
        self._client.set_terminated(identifier)

    def _start(self, title: str, tags: dict[str, str]) -> str:
        self.count += 1
        return str(self._client.create_run(self._experiment, tags=tags | {TITLE: title}).info.run_id)

    def _values(self, identifier: str, parameters: dict[str, str], metrics: Sequence[Metric]) -> None:
        from mlflow.entities import Metric as LoggedMetric
        from mlflow.entities import Param

        texts = [Param(name, text) for name, text in parameters.items()]
        for some in _parts(texts, PARAMETERS_AT_ONCE):
            self._client.log_batch(identifier, params=some)
        values = [LoggedMetric(metric.name, metric.value, self._now, metric.step) for metric in metrics]
        for part in _parts(values, METRICS_AT_ONCE):
            self._client.log_batch(identifier, metrics=part)


def _parts(entries: Sequence[Entry], size: int) -> list[list[Entry]]:
    return [list(entries[start : start + size]) for start in range(0, len(entries), size)]


def _delete(client: "MlflowClient", experiment: str, identifier: str) -> None:
    for child in client.search_runs([experiment], f"tags.`{PARENT}` = '{identifier}'", max_results=10_000):
        _delete(client, experiment, child.info.run_id)
    client.delete_run(identifier)
