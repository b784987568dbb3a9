"""The command `ddlivm describe`."""

import json
from pathlib import Path

import typer

from ddlivm.parameters import load_parameters


def describe(params: Path, profile: str | None, mixed: bool, as_json: bool) -> None:
    """Print what a profile's detector is and needs.

    Raises:
        InputError: params.yaml has no such profile, or is wrong.
    """
    parameters = load_parameters(params, profile)
    from ddlivm.detector import description
    from ddlivm.detector.description_text import text

    described = description.describe(parameters, mixed)
    typer.echo(json.dumps(described.as_json(), indent=1) if as_json else text(described))
