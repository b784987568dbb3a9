"""What a run took and gave, put where its user looks: the report's folder."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from ddlivm.files import SIDECAR, read_json, replacing, write_json

REPORT = "report"


def summarise(reports: Path, build: Path) -> str:
    """Copy the report out of the build and add the run's time and memory to its summary.

    The stages' outputs hold no measured time, so that they are the same on every machine; it is added here, from the
    provenance that stands beside them.

    Args:
        reports: the folder to fill: report.html, tables/, plots/, metrics.json, summary.json.
        build: the folder of the stages' outputs, with `report/` and `**/*.provenance.json`.

    Returns:
        A short table for the terminal.

    Raises:
        InputError: there is no report yet, or `reports` cannot be written.
    """
    source = build / REPORT
    if not (source / "summary.json").is_file():
        raise InputError(f"{source}: has no report yet; run the pipeline first, with: make demo")
    content = read_json(source / "summary.json")
    stages = stage_costs(build)
    content["seconds"] = round(covered(stage_intervals(build)), 2)
    content["peak_memory_bytes"] = max((cost["peak_memory_bytes"] for cost in stages.values()), default=0)
    content["stages"] = stages
    with replacing(reports) as folder:
        shutil.copytree(source, folder)
        write_json(folder / "summary.json", content)
    return _text(content, reports)


def stage_intervals(build: Path) -> list[tuple[float, float]]:
    """Return when each stage's run that left an output began and ended, seconds since 1970."""
    facts = [_provenance(path) for path in _sidecars(build)]
    return [(fact["started"], fact["started"] + fact["seconds"]) for fact in facts]


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Return the length that intervals cover together: runs side by side count once, pauses between runs not at all."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(stop - max(start, end), 0.0)
        end = max(end, stop)
    return total


def stage_costs(build: Path) -> dict[str, dict[str, Any]]:
    """Sum the seconds, and take the highest memory, of each stage's runs that left an output."""
    stages: dict[str, dict[str, Any]] = {}
    for path in _sidecars(build):
        facts = _provenance(path)
        relative = path.relative_to(build)
        stage = relative.parts[0] if len(relative.parts) > 1 else path.name.removesuffix(SIDECAR)
        cost = stages.setdefault(stage, {"runs": 0, "seconds": 0.0, "peak_memory_bytes": 0})
        cost["runs"] += 1
        cost["seconds"] = round(cost["seconds"] + facts["seconds"], 2)
        cost["peak_memory_bytes"] = max(cost["peak_memory_bytes"], int(facts["peak_memory_bytes"]))
    return stages


def _sidecars(build: Path) -> list[Path]:
    return sorted(build.rglob(f"*{SIDECAR}"))


def _provenance(path: Path) -> dict[str, float]:
    facts = read_json(path)
    try:
        return {key: float(facts[key]) for key in ("started", "seconds", "peak_memory_bytes")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no provenance of a stage ({error!r}); run that stage again") from error


def _text(content: dict[str, Any], reports: Path) -> str:
    mark = " (simulated)" if content["simulated"] else ""
    lines = [f"Held-out sites{mark}, each head at its shipped threshold:", ""]
    at = f"@{content['iou_threshold']:g}"
    lines.append(f"  {'':<16}{'accuracy':>9}{'recall' + at:>12}{'mAP' + at:>9}{'predictions':>13}{'defects':>9}")
    rows = [("mean", content), *content["sites"].items(), *content["references"].items()]
    if "all" in content["folds"]:
        rows.append(("all (gate)", content["folds"]["all"]))
    for name, row in rows:
        lines.append(
            f"  {name.replace('_', ' '):<16}{row['accuracy']:>9.3f}{row['recall40']:>12.3f}{row['map40']:>9.3f}"
            f"{row['predictions']:>13}{row['defects']:>9}"
        )
    minutes, gigabytes = content["seconds"] / 60, content["peak_memory_bytes"] / 1e9
    heads = ", ".join(f"{name}: {fold['chosen']}" for name, fold in content["folds"].items())
    return "\n".join(
        [
            *lines,
            "",
            f"  selected heads   {heads}",
            f"  computing        {minutes:.1f} min, a stage at most {gigabytes:.2f} GB",
            f"  report           {reports / 'report.html'}",
            f"  figures          {reports / 'summary.json'}",
        ]
    )
