"""The commands that reach MLflow: `ddlivm track`, and a model's address."""

from pathlib import Path

from ddlivm.errors import InputError

REGISTRY = "models:/"


def track(build: Path, params: Path, experiment: str) -> None:
    """Log the run's files to MLflow, once."""
    from ddlivm.registry.tracking import track_run

    print(track_run(build, params, experiment), flush=True)


def local_model(address: str) -> Path:
    """Return the directory of a model that is named by its path or by the registry's `models:/NAME@ALIAS`.

    Raises:
        InputError: the registry has no such model.
    """
    if not address.startswith(REGISTRY):
        return Path(address)
    import logging

    from ddlivm.registry.store import mlflow_client
    from ddlivm.registry.versions import ARTIFACT

    with mlflow_client():
        import mlflow

        logging.getLogger("mlflow.artifacts").setLevel(logging.ERROR)
        folder = Path(mlflow.artifacts.download_artifacts(address)) / "artifacts" / ARTIFACT
    if not folder.is_dir():
        raise InputError(f"{address}: holds no model of ddlivm; register one with the registration stage")
    return folder
