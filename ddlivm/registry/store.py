"""Reach MLflow: which server, which experiment; a failure there is one line."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from ddlivm.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT = "sqlite:///mlflow.db"
JOINED = "MLFLOW_RUN_ID"
"""Names a run that others opened, and end: what is logged belongs to it."""
PARENT = "mlflow.parentRunId"
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # an inspection of a plant is nobody else's business
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the commands' own lines say where
    # A server that does not answer is given up after a quarter of a minute, not after four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    # Where the server hands out artifacts itself, large files still go straight to the store, in parts.
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
    # An S3 server that is restarted is waited for: nine more attempts, each after up to 20 seconds.
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "10",
}
"""What the environment gets unless it says otherwise."""


def tracking_uri() -> str:
    """Return the tracking server: the environment's, or a SQLite file in the working directory."""
    return os.environ.get(VARIABLE) or DEFAULT


def shown_uri() -> str:
    """Return the tracking server without the user and password that its address may carry."""
    parts = urlsplit(tracking_uri())
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else tracking_uri()


@contextmanager
def mlflow_client() -> Iterator["MlflowClient"]:
    """Yield a client of the tracking server and its registry; `mlflow`'s own functions use the same server within.

    Raises:
        InputError: the server cannot be reached or refuses; the message names it.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = tracking_uri()
    database, artifacts = _database_errors(), _artifact_errors()
    try:
        mlflow.set_tracking_uri(uri)
        yield mlflow.MlflowClient()
    except database as error:
        raise InputError(f"MLflow at {shown_uri()}: {_reason(error)}; check {VARIABLE}") from error
    except artifacts as error:
        raise InputError(
            f"the artifact store of MLflow at {shown_uri()}: {_reason(error)}; check its address, bucket and keys"
        ) from error


def _reason(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    _, silent, cause = text.partition("Caused by ")  # what comes before is the call, at length
    return f"does not answer: {cause}" if silent else text


def _database_errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException

    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:  # a light image talks to a server and needs no database
        return (MlflowException,)
    return (MlflowException, SQLAlchemyError)


def _artifact_errors() -> tuple[type[Exception], ...]:
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:  # no S3 client is installed, so none is in use
        return ()
    return (Boto3Error, BotoCoreError, ClientError)


def experiment_id(client: "MlflowClient", name: str) -> str:
    """Return the experiment of that name, made if there is none.

    With a SQLite file the artifacts lie beside it in `mlruns`; a server knows its own place.
    """
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=_beside_sqlite(tracking_uri())))


def _beside_sqlite(uri: str) -> str | None:
    file = uri.removeprefix("sqlite:///")
    if file == uri:
        return None
    return (Path(file).absolute().parent / "mlruns").as_uri()
