"""The stage `registration`: bring the shipped model together, judge it, register it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ddlivm.data import ALL
from ddlivm.errors import InputError
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.files import write_json
from ddlivm.inspection.model import build_model
from ddlivm.parameters import Gate, Registration
from ddlivm.registry.gate import judge
from ddlivm.registry.store import mlflow_client, shown_uri
from ddlivm.registry.versions import Candidate, register_version

SIDECAR = "registered.json"


def register(
    segmenter: Path,
    encoders: Path,
    bank: Path,
    series: Sequence[Path],
    selection: Path,
    figures: Sequence[Path],
    parameters: Registration,
    gate: Gate,
    out: Path,
) -> None:
    """Write `model/` and `registration.json`, and register the model in MLflow.

    `registration.json` holds what the inputs alone determine: the verdict on the floors. What depends on the registry
    (the verdict against its champion, the version) goes to `registered.json` beside `out`, where nothing hashes it.

    Args:
        segmenter: the fold `all`'s segmenter.
        encoders: its encoders.
        bank: its head bank.
        series: the augmentation stage's outputs, one a site.
        selection: its head selection.
        figures: every fold's figures, the fold `all`'s among them.
        parameters: the stage's section.
        gate: the floors.
        out: an empty folder.

    Raises:
        InputError: an input is missing or damaged, the fold `all` was not evaluated, or MLflow cannot be reached.
    """
    loaded = {folder: FoldFigures.load(folder) for folder in figures}
    own = next((folder for folder, fold in loaded.items() if fold.fold == ALL), None)
    if own is None:
        raise InputError(f"no figures of the fold {ALL!r} were given; add it to `folds` in params.yaml and evaluate it")
    model = build_model(segmenter, encoders, bank, series, selection, out / "model")
    folds = tuple(loaded.values())
    verdict = judge(loaded[own], model.card.default, folds, gate)
    write_json(
        out / "registration.json",
        {
            "name": parameters.name,
            "content_hash": model.card.content_hash,
            "head": model.card.default,
            "verdict": verdict.decision,
            "reasons": list(verdict.reasons),
        },
    )
    with mlflow_client() as client:
        registered = register_version(client, parameters.name, Candidate(model, own, folds), gate)
    write_json(out.parent / SIDECAR, {"tracking_uri": shown_uri(), **asdict(registered)})
    called = f" as {', '.join(registered.aliases)}" if registered.aliases else ""
    print(f"registration: {registered.verdict.decision}: {'; '.join(registered.verdict.reasons)}", flush=True)
    print(f"registration: models:/{parameters.name}/{registered.version}{called} at {shown_uri()}", flush=True)
