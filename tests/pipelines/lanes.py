"""Both lanes' stages, rendered: from dvc.yaml by DVC's own resolver, from the containers by Kubeflow's."""

import importlib
import os
import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any

from components.readme import stage_names
from tests.imports import ROOT

RETRAINING = [stage for stage in stage_names() if stage != "adaptation"]
"""The stages of both lanes; the other one is started on a flight, when there is one."""
LANE_FLAGS = ("--executor-input", "--cache-key", "--work")
"""What a lane may say otherwise, or not at all."""
COLLECTED = {"--series": ("series",), "--figures": ("figures", "shipped_figures")}
"""Folders that DVC's lane names on the command line, and the artifacts that hold their entries on a cluster."""


@dataclass(frozen=True)
class Resolved:
    """One stage of dvc.yaml with its matrix and templates filled in."""

    stage: str
    member: str
    argv: list[str]
    params: set[str]
    deps: set[str]
    outs: set[str]


@cache
def dvc_stages() -> tuple[Resolved, ...]:
    """Return every stage that `dvc repro` would run."""
    from dvc.parsing import DataResolver
    from dvc.repo import Repo
    from dvc.utils.serialize import load_yaml

    previous = os.getcwd()  # noqa: PTH109 - DVC resolves against the working directory
    os.chdir(ROOT)
    try:
        with Repo(ROOT) as repo:
            stages = DataResolver(repo, str(ROOT), load_yaml(ROOT / "dvc.yaml")).resolve()["stages"]
    finally:
        os.chdir(previous)
    return tuple(_resolved(name, content) for name, content in stages.items())


def component(stage: str) -> Any:
    """Return a stage's Kubeflow component."""
    return getattr(importlib.import_module(f"components.{stage}.component"), stage)


def container_argv(stage: str, values: dict[str, str]) -> list[str]:
    """Return a container's command and arguments with its placeholders filled in.

    Args:
        stage: the stage.
        values: what each input, parameter and output artifact stands for.
    """
    container = component(stage).component_spec.implementation.container
    known = {f"{{{{$.{side}.artifacts['{name}'].path}}}}": text for side in ("inputs", "outputs")
             for name, text in values.items()}  # fmt: skip
    known |= {f"{{{{$.inputs.parameters['{name}']}}}}": text for name, text in values.items()}
    return [known.get(str(word), str(word)) for word in (*container.command, *container.args)]


def without(argv: list[str], flags: tuple[str, ...]) -> list[str]:
    """Return the arguments without some flags and their values."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word in flags:
            next(words)
        else:
            kept.append(word)
    return kept


def _resolved(name: str, content: dict[str, Any]) -> Resolved:
    stage, _, member = name.partition("@")
    assert stage in stage_names()
    interpreter, *argv = shlex.split(content["cmd"])
    assert interpreter == ".venv/bin/python"
    return Resolved(
        stage, member, ["python", *argv], set(content["params"]), set(content["deps"]), set(content["outs"])
    )
