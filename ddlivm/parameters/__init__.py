"""params.yaml, checked whole before anything runs.

A section a stage; `profiles.<profile>.<section>` overlays a section. A stage is given its own section, the sections
that it declares, and what it declares of the gate: the keys that it can read are the keys that dvc.yaml lists.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ddlivm.errors import InputError
from ddlivm.files import read_yaml
from ddlivm.parameters.adaptation import Adaptation
from ddlivm.parameters.alignment import Alignment
from ddlivm.parameters.background_removal import BackgroundRemoval
from ddlivm.parameters.base import Section
from ddlivm.parameters.calibration import Calibration
from ddlivm.parameters.cross_domain_evaluation import CrossDomainEvaluation
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.parameters.gate import Gate
from ddlivm.parameters.head_checkpointing import HeadCheckpointing
from ddlivm.parameters.head_selection import HeadSelection
from ddlivm.parameters.hstd_augmentation import HstdAugmentation
from ddlivm.parameters.inspection import InspectionSettings
from ddlivm.parameters.parameters import Parameters, Profile
from ddlivm.parameters.registration import Registration
from ddlivm.parameters.report import Report
from ddlivm.parameters.simulation import Simulation
from ddlivm.parameters.thermography import Thermography

__all__ = [
    "Adaptation",
    "Alignment",
    "BackgroundRemoval",
    "Calibration",
    "CrossDomainEvaluation",
    "DtftTraining",
    "Gate",
    "HeadCheckpointing",
    "HeadSelection",
    "HstdAugmentation",
    "InspectionSettings",
    "Parameters",
    "Profile",
    "Registration",
    "Report",
    "Section",
    "Simulation",
    "Thermography",
    "flatten",
    "load_parameters",
    "merge",
]

COMMON = {"profile", "sites", "folds", "gate"}
"""What no profile may overlay: dvc.yaml reads these keys from the top of the file, where no overlay reaches."""


def load_parameters(path: Path, profile: str | None = None) -> Parameters:
    """Read params.yaml, lay the chosen profile over it, and check everything.

    Args:
        path: of params.yaml.
        profile: which one; by default the file's own choice.

    Raises:
        InputError: an unknown key, a value out of range, or no such profile; the message names the key.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected sections like `profile:` and `dtft_training:`")
    profiles = content.pop("profiles", None) or {}
    profile = profile or content.get("profile")
    if profile not in profiles:
        raise InputError(f"{path}: profile: {profile!r} has no entry in `profiles`; it has {', '.join(profiles)}")
    for name in profiles:  # the profiles that are not in use are checked too
        common = COMMON & set(profiles[name] or {})
        if common:
            raise InputError(f"{path}: profiles.{name}.{min(common)}: is the same in every profile; move it to the top")
        checked = _check(merge(content | {"profile": name}, profiles[name] or {}), path, f"profiles.{name}.")
        if name == profile:
            chosen = checked
    return chosen


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Return nested settings as `a.b.c` to text; lists stay whole."""
    if not isinstance(value, dict):
        return {prefix: value if isinstance(value, str) else json.dumps(value)}
    flat: dict[str, str] = {}
    for key, part in value.items():
        flat |= flatten(part, f"{prefix}.{key}" if prefix else str(key))
    return flat


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `overlay`'s leaves laid over it; lists are replaced whole, and so is what changes its kind."""
    if overlay.get("kind", base.get("kind")) != base.get("kind"):
        return overlay
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _check(content: dict[str, Any], path: Path, prefix: str) -> Parameters:
    try:
        return Parameters.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        given = f" (given: {first['input']!r})" if first["type"] not in ("missing", "extra_forbidden") else ""
        what = "is no known key" if first["type"] == "extra_forbidden" else first["msg"]
        raise InputError(f"{path}: {key}: {what}{given} [checked as {prefix}]") from error
