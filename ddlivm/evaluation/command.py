"""The command `ddlivm summary`."""

from pathlib import Path
from typing import Annotated

import typer


def summary(
    reports: Annotated[Path, typer.Option(help="Folder to put the report in.")] = Path("reports"),
    build: Annotated[Path, typer.Option(help="Folder of the stages' outputs.")] = Path("build"),
) -> None:
    """Put the last run's report where you can find it, and print its figures, time and memory."""
    from ddlivm.evaluation.summary import summarise

    typer.echo(summarise(reports, build))
