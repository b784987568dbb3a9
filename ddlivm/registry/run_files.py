"""What a pipeline run left in its build folder, as parameters, metrics and artifacts; knows no MLflow."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.metrics import Measures
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.files import read_json, sha256, sidecar
from ddlivm.parameters import Parameters, flatten

SITES = "series"
FOLDERS = {
    SITES: "hstd_augmentation",
    "segmenter": "background_removal",
    "transforms": "alignment",
    "encoders": "dtft_training",
    "bank": "head_checkpointing",
    "selection": "head_selection",
    "figures": "cross_domain_evaluation",
}
"""The build's folders that hold an output a site or a fold, and the stages that write them."""
WHOLE = {"report": "report", "registration": "registration"}
LARGEST_ARTIFACT = 4_000_000
"""Bytes: pictures and tables are logged; weights and detections stay where DVC keeps them."""
COSTS = (
    "seconds",
    "gpu_seconds",
    "peak_memory_bytes",
    "peak_gpu_memory_bytes",
    "bytes_in",
    "bytes_out",
    "seconds_per_pair",
)
"""What a stage's sidecar says of its cost."""
KEPT = (".json", ".html", ".csv", ".md", ".jpg", ".png")


@dataclass(frozen=True)
class Metric:
    """One value, at an epoch or at 0."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class StageRun:
    """One stage's output.

    Attributes:
        stage: its name.
        member: the site or the fold; empty where there is one output only.
        folder: the output.
        parameters: the stage's section, flat.
        metrics: what it reached.
        costs: what that took.
        artifacts: files to log.
        content: a digest of its files.
        facts: what the sidecar says: versions, code; not part of the content.
    """

    stage: str
    member: str
    folder: Path
    parameters: dict[str, str]
    metrics: tuple[Metric, ...]
    costs: tuple[Metric, ...]
    artifacts: tuple[Path, ...]
    content: str
    facts: dict[str, str]

    @property
    def title(self) -> str:
        """What it is called among the runs."""
        return f"{self.stage} {self.member}".strip()


@dataclass(frozen=True)
class PipelineRun:
    """All stages' outputs.

    Attributes:
        content: a digest of all files but sidecars, and of the parameters: equal runs have equal ones.
        metrics: the summary's figures.
        parameters: what holds for every stage.
        stages: in the pipeline's order.
    """

    content: str
    metrics: tuple[Metric, ...]
    parameters: dict[str, str]
    stages: tuple[StageRun, ...]


def read_run(build: Path, parameters: Parameters) -> PipelineRun:
    """Read a build folder.

    Raises:
        InputError: there is nothing in it, or a file is damaged.
    """
    found = [
        (folder, stage, member) for folder, stage in FOLDERS.items() for member in _members(build / folder, parameters)
    ]
    outputs = [(stage, member, build / folder / member) for folder, stage, member in found]
    outputs += [(stage, "", build / folder) for folder, stage in WHOLE.items() if (build / folder).is_dir()]
    if not outputs:
        raise InputError(f"{build}: has no stage's output yet; run the pipeline first, with: make demo")
    stages = tuple(_stage_run(stage, member, folder, parameters) for stage, member, folder in outputs)
    sections = parameters.model_dump(mode="json")
    general = {key: sections[key] for key in ("profile", "sites", "folds", "gate", "simulation")}
    summary = build / "report" / "summary.json"
    return PipelineRun(
        content=_digest([sections, [(stage.title, stage.content) for stage in stages]]),
        metrics=tuple(_numbers(read_json(summary))) if summary.is_file() else (),
        parameters=flatten(general),
        stages=stages,
    )


def _members(folder: Path, parameters: Parameters) -> list[str]:
    """Return the outputs that belong to this run; others were left by runs with other folds."""
    wanted = parameters.sites if folder.name == SITES else parameters.folds
    return [name for name in wanted if (folder / name).is_dir()]


def _stage_run(stage: str, member: str, folder: Path, parameters: Parameters) -> StageRun:
    facts, costs = _provenance(folder)
    return StageRun(
        stage=stage,
        member=member,
        folder=folder,
        parameters=flatten(getattr(parameters, stage).model_dump(mode="json")),
        metrics=tuple(_metrics(stage, folder)),
        costs=costs,
        artifacts=tuple(_small(folder)),
        content=_content(folder),
        facts=facts,
    )


def _metrics(stage: str, folder: Path) -> Iterator[Metric]:
    history = folder / "history.json"
    if history.is_file():
        yield from _history(history)
    if stage == "head_selection":
        for entry in SelectionScores.load(folder).candidates:
            if entry.score is not None:
                yield Metric(f"mean_iou.{entry.head}", entry.score)
    if stage == "cross_domain_evaluation":
        figures = FoldFigures.load(folder)
        for row in figures.rows:
            for name, value in _brief(figures.row(row).all).items():
                yield Metric(f"{row}.{name}", value)
        for site, measures in figures.row("selected").sites.items():
            for name, value in _brief(measures).items():
                yield Metric(f"sites.{site}.{name}", value)


def _history(path: Path) -> Iterator[Metric]:
    try:
        for row in read_json(path):
            step = int(row["epoch"])
            for name, value in row.items():
                if name != "epoch" and isinstance(value, int | float) and math.isfinite(value):
                    yield Metric(name, float(value), step)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no training history ({error!r}); run that stage again") from error


def _brief(measures: Measures) -> dict[str, float]:
    return {
        name: float(getattr(measures, name)) for name in ("accuracy", "recall40", "map40", "predictions", "defects")
    }


def _numbers(value: Any, prefix: str = "") -> Iterator[Metric]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Metric(prefix, float(value))


def _small(folder: Path) -> Iterator[Path]:
    """Yield what is worth seeing in a browser; a model's own directory and detections are data."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        is_data = inside[0] in ("detections", "model") or inside[-1] == "defects.json"
        if path.is_file() and path.suffix in KEPT and path.stat().st_size <= LARGEST_ARTIFACT and not is_data:
            yield path


def _provenance(output: Path) -> tuple[dict[str, str], tuple[Metric, ...]]:
    path = sidecar(output)
    if not path.is_file():
        return {}, ()
    content = read_json(path)
    costs = tuple(Metric(name, float(content[name])) for name in COSTS if content.get(name) is not None)
    facts = {
        key: content[key] for key in ("data_md5", "git", "image", "python", "packages") if content.get(key) is not None
    }
    return flatten(facts), costs


def _content(folder: Path) -> str:
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    return _digest(files)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
