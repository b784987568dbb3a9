"""The commands that reach MLflow: track, promote, roll back, ledger, lineage; and a model's address."""

from pathlib import Path

from ddlivm.errors import InputError

REGISTRY = "models:/"


def track(build: Path, params: Path, experiment: str) -> None:
    """Log the run's files to MLflow, once."""
    from ddlivm.registry.tracking import track_run

    print(track_run(build, params, experiment), flush=True)


def promote(version: str, why: str, name: str, params: Path) -> None:
    """Make a version the champion."""
    from ddlivm.parameters import load_parameters
    from ddlivm.registry.promotion import promote_version
    from ddlivm.registry.store import mlflow_client

    parameters = load_parameters(params)
    name = name or parameters.registration.name
    with mlflow_client() as client:
        print(promote_version(client, name, version, parameters.gate, why.strip() or None).standing(name), flush=True)


def rollback(why: str, name: str, params: Path) -> None:
    """Exchange the champion and the version before it."""
    from ddlivm.registry.promotion import roll_back
    from ddlivm.registry.store import mlflow_client

    name = name or _name(params)
    with mlflow_client() as client:
        print(roll_back(client, name, why.strip() or None).standing(name), flush=True)


def ledger(name: str, params: Path) -> None:
    """List the ledger's entries."""
    from ddlivm.registry.ledger import read_ledger
    from ddlivm.registry.store import mlflow_client

    name = name or _name(params)
    with mlflow_client() as client:
        print("\n".join(read_ledger(client, name).lines(name)), flush=True)


def lineage(model: str, name: str, params: Path) -> None:
    """Print where a model comes from."""
    from ddlivm.registry.lineage import lineage_lines, locate, read_lineage
    from ddlivm.registry.store import mlflow_client

    if not name and not model.startswith(REGISTRY):
        name = _name(params)
    with mlflow_client() as client:
        print("\n".join(lineage_lines(read_lineage(client, *locate(client, model, name)))), flush=True)


def _name(params: Path) -> str:
    from ddlivm.parameters import load_parameters

    return load_parameters(params).registration.name


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
