"""Log a pipeline run to MLflow from the files that it left: a run, within it one a fold, within these one a stage."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ddlivm.parameters import load_parameters
from ddlivm.registry.run_files import FOLDERS, SITES, Metric, PipelineRun, StageRun, read_run
from ddlivm.registry.store import JOINED, PARENT, experiment_id, mlflow_client, shown_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CONTENT, STAGE, MEMBER, COMPLETE = "ddlivm.content", "ddlivm.stage", "ddlivm.member", "ddlivm.complete"
TITLE = "mlflow.runName"
METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100
"""What MLflow takes in one call."""
Entry = TypeVar("Entry")


def track_run(build: Path, params: Path, experiment: str) -> str:
    """Log the build folder's files, unless the same files with the same parameters were logged before.

    What a kill or a server that went away left half logged is completed: runs within that are finished stay, the
    others are logged again. Where the environment names a run in `MLFLOW_RUN_ID`, everything goes into that run, which
    whoever opened it also ends.

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
    joined = os.environ.get(JOINED)
    with mlflow_client() as client:
        place = client.get_run(joined).info.experiment_id if joined else experiment_id(client, experiment)
        same = (
            [client.get_run(joined)] if joined else client.search_runs([place], f"tags.`{CONTENT}` = '{run.content}'")
        )
        for known in same:
            if known.data.tags.get(COMPLETE) == run.content:
                return f"tracking: logged before, as run {known.info.run_id} at {shown_uri()}"
        logger = _Logger(client, place)
        identifier = logger.log_pipeline(run, same[0].info.run_id if same else None, ends=joined is None)
    return f"tracking: run {identifier}, {logger.count} runs within it logged now, at {shown_uri()}"


class _Logger:
    """Writes runs into one experiment."""

    def __init__(self, client: "MlflowClient", experiment: str) -> None:
        self._client = client
        self._experiment = experiment
        self._now = int(time.time() * 1000)
        self.count = 0

    def log_pipeline(self, run: PipelineRun, identifier: str | None, ends: bool) -> str:
        """Log everything that is not there yet into a run; a new one unless one is given."""
        if identifier is None:
            identifier = self._create(f"pipeline {run.content[:12]}", {CONTENT: run.content})
        self._client.set_tag(identifier, CONTENT, run.content)
        self._values(identifier, run.parameters, run.metrics)
        folds: dict[str, str] = {}
        for stage in run.stages:
            parent = identifier
            if stage.member and stage.stage != FOLDERS[SITES]:
                if stage.member not in folds:
                    folds[stage.member] = self._fold(stage.member, identifier)
                parent = folds[stage.member]
                if stage.stage == FOLDERS["figures"]:
                    self._values(parent, {}, stage.metrics)
            self._stage(stage, parent)
        for fold in folds.values():
            self._client.set_terminated(fold)
        if ends:
            self._client.set_terminated(identifier)
        self._client.set_tag(identifier, COMPLETE, run.content)  # last: this is what marks the whole as complete
        return identifier

    def _fold(self, fold: str, parent: str) -> str:
        known = self._within(parent, f"fold {fold}")
        return known.info.run_id if known else self._create(f"fold {fold}", {MEMBER: fold, PARENT: parent})

    def _stage(self, stage: StageRun, parent: str) -> None:
        known = self._within(parent, stage.title)
        if known is not None and known.data.tags.get(COMPLETE) == stage.content:
            return
        if known is not None:  # half logged, or of other files in a run that was joined
            self._client.delete_run(known.info.run_id)
        tags = {STAGE: stage.stage, MEMBER: stage.member, PARENT: parent}
        identifier = self._create(stage.title, tags | {f"ddlivm.{name}": text for name, text in stage.facts.items()})
        self._values(identifier, stage.parameters, (*stage.metrics, *stage.costs))
        for path in stage.artifacts:
            inside = path.relative_to(stage.folder).parent.as_posix()
            self._client.log_artifact(identifier, str(path), None if inside == "." else inside)
        self._client.set_terminated(identifier)
        self._client.set_tag(identifier, COMPLETE, stage.content)
        self.count += 1

    def _within(self, parent: str, title: str) -> "Run | None":
        query = f"tags.`{PARENT}` = '{parent}' and tags.`{TITLE}` = '{title}'"
        found = self._client.search_runs([self._experiment], query)
        return found[0] if found else None

    def _create(self, title: str, tags: dict[str, str]) -> str:
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
