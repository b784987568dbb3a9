"""Kubeflow's API, through its own client: upload, run, schedule, look."""

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from pipelines.submission.plan import PIPELINE, Plan

TOKEN = "KFP_TOKEN"
"""The environment variable with a token, where the server wants one."""


class Cluster:
    """A Kubeflow Pipelines server."""

    def __init__(self, host: str) -> None:
        """Find the server.

        Raises:
            InputError: it cannot be reached.
        """
        import kfp

        self.host = host.rstrip("/")
        with warnings.catch_warnings(), _one_line(self.host):
            warnings.simplefilter("ignore")
            self._client = kfp.Client(host=self.host, existing_token=os.environ.get(TOKEN))

    def run(self, plan: Plan, experiment: str, arguments: dict[str, Any]) -> str:
        """Upload the pipeline unless it is there, start a run, and return its link."""
        with _one_line(self.host):
            place, version = self._place(experiment), self._upload(plan)
            started = self._client.run_pipeline(
                place, plan.name, params=arguments, pipeline_id=version[0], version_id=version[1]
            )
        return f"{self.host}/#/runs/details/{started.run_id}"

    def schedule(self, plan: Plan, experiment: str, arguments: dict[str, Any], cron: str) -> str:
        """Upload the pipeline unless it is there, run it by a schedule, and return the schedule's link."""
        with _one_line(self.host):
            place, version = self._place(experiment), self._upload(plan)
            scheduled = self._client.create_recurring_run(
                place,
                plan.name,
                params=arguments,
                pipeline_id=version[0],
                version_id=version[1],
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
            )
        return f"{self.host}/#/recurringrun/details/{scheduled.recurring_run_id}"

    def look(self, run: str) -> Any:
        """Return a run as Kubeflow tells it."""
        with _one_line(self.host):
            return self._client.get_run(run)

    def _place(self, experiment: str) -> str:
        return str(self._client.create_experiment(experiment).experiment_id)

    def _upload(self, plan: Plan) -> tuple[str, str]:
        """Return the pipeline's and the version's identifiers; the same text is uploaded once."""
        pipeline = self._client.get_pipeline_id(PIPELINE)
        if pipeline is not None:
            for version in self._client.list_pipeline_versions(pipeline, page_size=100).pipeline_versions or ():
                if version.display_name == plan.version:
                    return pipeline, str(version.pipeline_version_id)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "retrain.yaml"
            file.write_text(plan.text, encoding="utf-8")
            if pipeline is None:
                pipeline = str(self._client.upload_pipeline(str(file), pipeline_name=PIPELINE).pipeline_id)
            uploaded = self._client.upload_pipeline_version(str(file), plan.version, pipeline_id=pipeline)
        return pipeline, str(uploaded.pipeline_version_id)


@contextmanager
def _one_line(host: str) -> Iterator[None]:
    """Turn what goes wrong at the server into one line, and keep its client's own lines off the screen.

    Raises:
        InputError: the server cannot be reached or refuses.
    """
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        raise InputError(f"{host}: refused ({error.status} {_reason(error.body) or error.reason})") from error
    except HTTPError as error:
        raise InputError(f"{host}: cannot be reached ({str(error).splitlines()[0]}); check --host") from error


def _reason(body: str | None) -> str:
    try:
        return str(json.loads(body or "")["message"]).splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
