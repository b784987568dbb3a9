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
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # an inspection of a plant is nobody else's business
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = tracking_uri()
    try:
        mlflow.set_tracking_uri(uri)
        yield mlflow.MlflowClient()
    except (MlflowException, SQLAlchemyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"MLflow at {shown_uri()}: {reason}; check {VARIABLE}") from error


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
