"""A stage's command line, and what a stage is given of it."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from components.declaration import Stage
from ddlivm.errors import InputError

if TYPE_CHECKING:  # pydantic and YAML cost half a second that `--help` need not pay
    from components.executor import ExecutorInput
    from components.provenance import Facts
    from ddlivm.data import SetAside
    from ddlivm.parameters import Gate, Parameters, Section

SectionType = TypeVar("SectionType", bound="Section")


@dataclass(frozen=True)
class Run:
    """One call of a stage: its arguments, its own parameters, and the folders to write to.

    Attributes:
        stage: what was declared; nothing else is given out.
        paths: the inputs that are one path.
        collected: the inputs that are a list of paths.
        options: the words that it was told.
        out: an empty folder that becomes the output when the stage succeeds.
        work: scratch that survives a kill and is removed after success.
        parameters: the whole of params.yaml, checked; stages read it through the methods.
        cache_key: names data and images on a cluster; for the record only.
        told: what is known of each input, by its name; for the record only.
    """

    stage: Stage
    paths: dict[str, Path]
    collected: dict[str, list[Path]]
    options: dict[str, str]
    out: Path
    work: Path
    parameters: "Parameters"
    cache_key: str
    told: "dict[str, list[Facts]]"

    @property
    def inputs(self) -> list[Path]:
        """Every path that the stage was given."""
        return [*self.paths.values(), *(path for members in self.collected.values() for path in members)]

    @property
    def lineage(self) -> "Facts":
        """How what it writes will have come to be: data, code, images, parameters and inputs."""
        from components.provenance import data_md5, image, parents, revision
        from ddlivm.parameters import flatten

        return {
            "cache_key": self.cache_key,
            "data_md5": data_md5(self.told),
            "git": revision(),
            "image": image(),
            "parameters": flatten(self.parameters.model_dump(mode="json")),
            "parents": parents(self.told),
        }

    def section(self, kind: type[SectionType]) -> SectionType:
        """Return the stage's own section of params.yaml, or another one that it declares, by its type."""
        for name in (self.stage.name, *self.stage.sections):
            section = getattr(self.parameters, name)
            if isinstance(section, kind):
                return section
        raise TypeError(f"stage {self.stage.name!r} may not read {kind.__name__}")

    @property
    def set_aside(self) -> "SetAside":
        """The source sites that no detector is trained on."""
        from ddlivm.data import SetAside
        from ddlivm.parameters import Calibration

        return SetAside.of(self.section(Calibration).sites)

    @property
    def gate_sites(self) -> tuple[str, ...]:
        """The frozen evaluation sites."""
        if self.stage.gate == "nothing":
            raise TypeError(f"stage {self.stage.name!r} may not read the gate's sites")
        return tuple(self.parameters.gate.sites)

    @property
    def gate(self) -> "Gate":
        """The gate's section."""
        if self.stage.gate != "everything":
            raise TypeError(f"stage {self.stage.name!r} may not read the gate")
        return self.parameters.gate


def build_parser(stage: Stage, summary: str) -> argparse.ArgumentParser:
    """Return the stage's parser; what each argument holds is in its help."""
    parser = argparse.ArgumentParser(
        f"python -m components.{stage.name}", description=summary, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--params", type=Path, required=True, metavar="FILE", help="params.yaml")
    for entry in stage.inputs:
        # On a cluster the members of a list have paths that only the executor input knows.
        parser.add_argument(flag(entry.name), type=Path, required=entry.over is None, metavar="DIR", help=entry.help)
    for option in stage.options:
        parser.add_argument(flag(option.name), required=True, help=option.help)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"{stage.output}; complete or absent")
    work = "scratch that survives a kill; a run after a kill goes on from it" if stage.scratch else "where locks lie"
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help=work)
    parser.add_argument("--executor-input", metavar="JSON", help="Kubeflow's executor input: lists of paths, cards")
    parser.add_argument("--cache-key", default="", metavar="KEY", help="names data and images for Kubeflow's cache")
    return parser


def flag(name: str) -> str:
    """Return an argument's name on the command line."""
    return "--" + name.replace("_", "-")


def input_paths(
    stage: Stage, arguments: argparse.Namespace, parameters: "Parameters", executor: "ExecutorInput | None"
) -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """Return the single and the listed input paths.

    Raises:
        InputError: one is missing on disk, or a list is given in neither way.
    """
    paths: dict[str, Path] = {}
    collected: dict[str, list[Path]] = {}
    for entry in stage.inputs:
        given: Path | None = getattr(arguments, entry.name)
        if entry.over is None:
            assert given is not None  # argparse requires it
            paths[entry.name] = _existing(given, flag(entry.name))
            continue
        if given is not None:
            members = [given / member for member in getattr(parameters, entry.over)]
        elif executor is not None:
            members = [path for artifact in entry.artifacts for path in executor.inputs(artifact)]
        else:
            raise InputError(f"{flag(entry.name)}: give the folder with one entry for each of `{entry.over}`")
        if not members:
            raise InputError(f"{flag(entry.name)}: the executor input lists none of {', '.join(entry.artifacts)}")
        collected[entry.name] = [_existing(member, flag(entry.name)) for member in members]
    return paths, collected


def told_of(
    stage: Stage, paths: dict[str, Path], collected: dict[str, list[Path]], executor: "ExecutorInput | None"
) -> "dict[str, list[Facts]]":
    """Return what is known of each input: from its sidecar, or on a cluster, where none travels, from its metadata."""
    from components.provenance import facts_of

    told = {name: [facts_of(path)] for name, path in paths.items()}
    told |= {name: [facts_of(path) for path in members] for name, members in collected.items()}
    if executor is not None:
        for entry in stage.inputs:
            metadata = [facts for artifact in entry.artifacts or (entry.name,) for facts in executor.metadata(artifact)]
            if any(metadata):
                told[entry.name] = metadata
    return told


def _existing(path: Path, argument: str) -> Path:
    if not path.exists():
        raise InputError(f"{argument} {path}: does not exist; run the stage that writes it first")
    return path
