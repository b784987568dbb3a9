"""Where a registered model comes from: data, code, images, parameters, and the outputs that it was made of."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddlivm.errors import InputError
from ddlivm.files import read_json
from ddlivm.inspection.model import ShippedModel
from ddlivm.registry.ledger import run_of
from ddlivm.registry.promotion import known_version
from ddlivm.registry.versions import LINEAGE, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME = "models:/"
SHOWN = ("model", "run", "content_hash", "data_md5", "git", "image", "cache_key")
"""In this order; an image is named by its digest, and there is one on a cluster only."""


def read_lineage(client: "MlflowClient", name: str, version: str) -> dict[str, Any]:
    """Return what registration recorded of a version.

    Args:
        client: of the registry.
        name: the registered model's name.
        version: its number or an alias.

    Raises:
        InputError: no such version, or it has no record.
    """
    number = known_version(client, name, version)
    run = run_of(client, name, number)
    if not any(entry.path == LINEAGE for entry in client.list_artifacts(run)):
        raise InputError(f"version {number} of {name!r} has no record of where it comes from; register the model again")
    with tempfile.TemporaryDirectory() as folder:
        content: dict[str, Any] = read_json(Path(client.download_artifacts(run, LINEAGE, folder)))
    return {"model": f"models:/{name}/{number}", "run": run} | content


def locate(client: "MlflowClient", model: str, name: str) -> tuple[str, str]:
    """Return the registered model's name and the version or alias that an address or a directory means.

    A directory is looked up by its content, so that a copy of a model is known wherever it lies.

    Args:
        client: of the registry.
        model: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, or a model's directory.
        name: the registered model to look for a directory in.

    Raises:
        InputError: no such address, no model there, or it was never registered.
    """
    if model.startswith(SCHEME):
        found, _, version = model.removeprefix(SCHEME).replace("@", "/").partition("/")
        if not found or not version:
            raise InputError(f"{model}: expected models:/NAME@ALIAS or models:/NAME/VERSION")
        return found, version
    known = find_version(client, name, ShippedModel.load(Path(model)).card.content_hash)
    if known is None:
        raise InputError(f"{model}: no version of {name!r} in the registry has this content; register it first")
    return name, str(known.version)


def lineage_lines(content: dict[str, Any]) -> list[str]:
    """Return a lineage for the terminal."""
    lines = [f"{key}: {content[key]}" for key in SHOWN if content.get(key)]
    lines.append("made of:")
    for parent in content.get("parents", []):
        known = [f"{key} {parent[key]}" for key in ("key", "git", "image", "data_md5") if parent.get(key)]
        lines.append(f"  {parent['input']}: {', '.join(known) or 'no record'}")
    lines.append("parameters:")
    lines += [f"  {key} = {value}" for key, value in content.get("parameters", {}).items()]
    return lines
