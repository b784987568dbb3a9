"""The stage `registration`: bring the shipped model together, judge it, register it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ddlivm.files import write_json
from ddlivm.inspection.model import build_model
from ddlivm.parameters import Gate, InspectionSettings, Registration
from ddlivm.registry.evidence import Evidence
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
    settings: InspectionSettings,
    gate: Gate,
    out: Path,
    *,
    lineage: dict[str, Any],
    seconds_per_pair: float | None,
) -> None:
    """Write `model/` and `registration.json`, and register the model in MLflow.

    `registration.json` holds what the inputs alone determine: the verdict on the floors and the size. What depends on
    a clock or on the registry (the time a pair takes, the verdict against the champion, the version) goes to
    `registered.json` beside `out`, where nothing hashes it.

    Args:
        segmenter: the fold `all`'s segmenter.
        encoders: its encoders.
        bank: its head bank.
        series: the augmentation stage's outputs, one a site.
        selection: its head selection.
        figures: every fold's figures, the fold `all`'s among them.
        parameters: the stage's section.
        settings: what an inspection with the model runs with.
        gate: the criteria.
        out: an empty folder.
        lineage: how the inputs came to be; kept with the version.
        seconds_per_pair: how long head selection measured the selected head to take; None when it was not measured.

    Raises:
        InputError: an input is missing or damaged, the fold `all` was not evaluated, or MLflow cannot be reached.
    """
    model = build_model(segmenter, encoders, bank, series, selection, settings, out / "model")
    size = sum((model.folder / name).stat().st_size for name in model.card.files)
    evidence = Evidence.gather(figures, size)
    verdict = judge(evidence, None, gate.model_copy(update={"maximum_seconds_per_pair": None}))
    write_json(
        out / "registration.json",
        {
            "name": parameters.name,
            "content_hash": model.card.content_hash,
            "head": evidence.head,
            "verdict": verdict.decision,
            "reasons": list(verdict.reasons),
        },
    )
    candidate = Candidate(
        model,
        replace(evidence, seconds_per_pair=seconds_per_pair),
        {"content_hash": model.card.content_hash} | lineage,
    )
    with mlflow_client() as client:
        registered = register_version(client, parameters.name, candidate, gate, parameters.promote)
    write_json(out.parent / SIDECAR, {"tracking_uri": shown_uri(), **asdict(registered)})
    called = f" as {', '.join(registered.aliases)}" if registered.aliases else ""
    print(f"registration: {registered.verdict.decision}: {'; '.join(registered.verdict.reasons)}", flush=True)
    print(f"registration: models:/{parameters.name}/{registered.version}{called} at {shown_uri()}", flush=True)
