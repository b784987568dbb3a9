"""The command `ddlivm`: its subcommands live beside what they do."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ddlivm.errors import InputError
from ddlivm.evaluation.command import summary

app = typer.Typer(
    name="ddlivm",
    help="Find defects of photovoltaic plants in infrared and visible drone images.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(summary)


@app.command()
def simulate(
    sites: Annotated[int, typer.Option(min=1, help="How many plants.")] = 9,
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs over all plants.")] = 288,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same data.")] = 7,
    out: Annotated[Path, typer.Option(help="Folder to write the data set to.")] = Path("data"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one a core.")] = None,
) -> None:
    """Simulate plants with labelled pairs of infrared and visible images."""
    from ddlivm.simulation.command import simulate as work

    work(sites=sites, pairs=pairs, seed=seed, out=out, workers=workers)


@app.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="The data set's folder.")],
    manifest: Annotated[
        Path | None, typer.Option(help="A file of sha256 digests: checked if it exists, else written.")
    ] = None,
) -> None:
    """Check a data set: every file, size, pair, box and class."""
    from ddlivm.data.command import validate as work

    work(folder, manifest)


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="Raw pairs of one plant.")],
    model: Annotated[str, typer.Option(help="A model's directory, or models:/NAME@ALIAS of the registry.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the detections and the report; an earlier inspection there is replaced.")
    ],
    names: Annotated[
        str | None,
        typer.Option(help='How files are named, e.g. "{id}_IR.jpg,{id}_RGB.jpg": infrared, then visible.'),
    ] = None,
    score: Annotated[float, typer.Option(min=0.05, max=1.0, help="Lowest score that is reported.")] = 0.3,
    head: Annotated[
        str, typer.Option(help="`default`, `select` (choose on these pairs, without labels), or a head's name.")
    ] = "default",
) -> None:
    """Find the defects in a folder of infrared and visible pairs."""
    from ddlivm.inspection.command import predict as work
    from ddlivm.registry.command import local_model

    work(folder, local_model(model), out, names=names, score=score, head=head)


@app.command()
def align(
    infrared: Annotated[Path | None, typer.Option(help="A raw infrared image, with --visible.")] = None,
    visible: Annotated[Path | None, typer.Option(help="The raw visible image of the same ground.")] = None,
    site: Annotated[Path | None, typer.Option(help="Instead: a folder of raw pairs of one plant.")] = None,
    names: Annotated[str | None, typer.Option(help="How a site's files are named, as in `predict`.")] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="A trained segmenter's folder; without one, structure alone decides.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    picture: Annotated[
        Path, typer.Option(help="A .jpg file to draw the pair to: a checkerboard, and infrared edges on the other.")
    ] = Path("alignment.jpg"),
    out: Annotated[
        Path, typer.Option(help="Folder for a site's alignment.json and pictures; an earlier one is replaced.")
    ] = Path("alignment"),
) -> None:
    """Say where infrared pixels lie in the visible image, of one pair or of a site."""
    from ddlivm.inspection import command

    if site is not None and not (infrared or visible):
        command.align_site(site, names, segmenter, as_json, out)
    elif infrared is not None and visible is not None and not (site or names):
        command.align(infrared, visible, segmenter, as_json, picture)
    else:
        raise InputError("align: expected --infrared and --visible, or --site; see ddlivm align --help")


@app.command()
def track(
    build: Annotated[Path, typer.Option(help="Folder of the stages' outputs.")] = Path("build"),
    params: Annotated[Path, typer.Option(help="The run's parameters.")] = Path("params.yaml"),
    experiment: Annotated[str, typer.Option(help="The MLflow experiment.")] = "ddlivm",
) -> None:
    """Log a pipeline run to MLflow, from the files that it wrote; the same files are logged once."""
    from ddlivm.registry.command import track as work

    work(build, params, experiment)


def main() -> None:
    """Run the command; a bad input is one line on stderr and exit status 2."""
    try:
        app()
    except InputError as error:
        print(f"ddlivm: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from None
