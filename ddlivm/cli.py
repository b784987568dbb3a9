"""The command `ddlivm`: its subcommands live beside what they do."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ddlivm.errors import InputError, Stopped
from ddlivm.evaluation.command import summary

Distributed = Literal["pod", "trainjob"]
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
def pack(
    folder: Annotated[Path, typer.Argument(help="The data set's folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to make, for `dvc add`; one that is there is replaced.")],
) -> None:
    """Pack many small files in few large ones, which stores take faster; every stage reads either."""
    from ddlivm.data.shards import pack as work

    work(folder, out)


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
    score: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Lowest score that is reported; by default the head's shipped threshold."),
    ] = None,
    head: Annotated[
        str,
        typer.Option(help="`select` (on these pairs, as the model was judged), `default` (last FCOS head), or a name."),
    ] = "select",
    adapt: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES", help="Tune the model on these pairs first, without labels; it stays in OUT/adapted."
        ),
    ] = None,
) -> None:
    """Find the defects in a folder of infrared and visible pairs."""
    from ddlivm.inspection.command import predict as work
    from ddlivm.registry.command import local_model

    work(folder, local_model(model), out, names=names, score=score, head=head, adapt=adapt)


@app.command()
def describe(
    profile: Annotated[str | None, typer.Option(help="Which profile; by default the one in force.")] = None,
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
    mixed: Annotated[
        bool, typer.Option(help="Training's memory with bfloat16 layers, or with float32 throughout.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Say how large a profile's detector is, and what training and inference need."""
    from ddlivm.detector.command import describe as work

    work(params, profile, mixed, as_json)


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


@app.command()
def submit(
    host: Annotated[str | None, typer.Option(envvar="KFP_HOST", help="The Kubeflow Pipelines server.")] = None,
    experiment: Annotated[str, typer.Option(help="Its experiment.")] = "ddlivm",
    data_rev: Annotated[str, typer.Option(help="The git revision whose data.dvc names the data.")] = "HEAD",
    folds: Annotated[str, typer.Option(help="Sites to hold out, with commas; by default params.yaml's.")] = "",
    store: Annotated[
        str | None, typer.Option(envvar="DDLIVM_STORE", help="Where the cluster finds inputs: s3://bucket/path.")
    ] = None,
    cron: Annotated[str | None, typer.Option(help="Run by a schedule: six fields, seconds first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compile and check; send nothing.")] = False,
    distributed: Annotated[
        Distributed | None, typer.Option(help="Train on all GPUs of one pod, or on several pods by a TrainJob.")
    ] = None,
    gpus: Annotated[int, typer.Option(min=1, help="GPUs of each pod that trains, with --distributed.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Pods that train together, with --distributed trainjob.")] = 1,
) -> None:
    """Retrain on a cluster, now or by a schedule, and print the run's link."""
    from pipelines.command import submit as work

    members = [fold for fold in folds.split(",") if fold]
    work(host, experiment, data_rev, members, store, cron, dry_run, distributed, gpus, nodes)


@app.command()
def status(
    run: Annotated[str, typer.Argument(help="The run's identifier, the end of its link.")],
    host: Annotated[str | None, typer.Option(envvar="KFP_HOST", help="The Kubeflow Pipelines server.")] = None,
) -> None:
    """Say how a run on the cluster stands; exit with 1 if it failed."""
    from pipelines.command import status as work

    raise SystemExit(work(host, run))


Name = Annotated[str, typer.Option("--name", help="The registered model; by default the one that params.yaml names.")]
Params = Annotated[Path, typer.Option(help="Names the model and holds the gate's criteria.")]
Why = Annotated[str, typer.Option(help="The reason, for the ledger.")]


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="A version's number, or an alias such as `challenger`.")],
    why: Why = "",
    name: Name = "",
    params: Params = Path("params.yaml"),
) -> None:
    """Make a version the champion; where the gate does not promote it, --why is required."""
    from ddlivm.registry.command import promote as work

    work(version, why, name, params)


@app.command()
def rollback(why: Why = "", name: Name = "", params: Params = Path("params.yaml")) -> None:
    """Exchange the champion and the version that was champion before it."""
    from ddlivm.registry.command import rollback as work

    work(why, name, params)


@app.command()
def ledger(name: Name = "", params: Params = Path("params.yaml")) -> None:
    """List every promotion and rollback: which, when, by whom, what the gate said, and why."""
    from ddlivm.registry.command import ledger as work

    work(name, params)


@app.command()
def lineage(
    model: Annotated[str, typer.Argument(help="models:/NAME@ALIAS, models:/NAME/VERSION, or a model's directory.")],
    name: Name = "",
    params: Params = Path("params.yaml"),
) -> None:
    """Say where a registered model comes from: data, code, images, parameters, and what it was made of."""
    from ddlivm.registry.command import lineage as work

    work(model, name, params)


def main() -> None:
    """Run the command; a bad input is one line on stderr and exit status 2."""
    try:
        app()
    except Stopped as stop:
        print(f"ddlivm: {stop}", file=sys.stderr, flush=True)
        raise SystemExit(128 + signal.SIGTERM) from None
    except InputError as error:
        print(f"ddlivm: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from None
