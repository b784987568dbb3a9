"""What a stage declares: its arguments, its output, and the keys of params.yaml that it reads."""

from dataclasses import dataclass
from typing import Literal

Members = Literal["sites", "folds"]


@dataclass(frozen=True)
class Input:
    """A path that a stage reads.

    Attributes:
        name: the argument, with underscores; on the command line `--name-with-dashes`.
        help: what the path holds.
        over: None for one path. `sites` or `folds`: the path is a folder with one entry for each of that list of
            params.yaml, and the stage is given the entries.
        artifacts: for `over`, the artifacts of the executor input whose paths make the list on a cluster.
    """

    name: str
    help: str
    over: Members | None = None
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """A word that a stage is told, such as its site or fold."""

    name: str
    help: str


@dataclass(frozen=True)
class Card:
    """A file of the output that Kubeflow's page shows as an artifact of its own.

    Attributes:
        artifact: the artifact's name in the executor input.
        pattern: which files of the output, as a glob; several are joined.
        metrics: whether the file is a JSON object whose numbers become the artifact's metadata.
    """

    artifact: str
    pattern: str
    metrics: bool = False


@dataclass(frozen=True)
class Stage:
    """A stage's whole interface.

    Attributes:
        name: the stage, its section of params.yaml, and its folder in `components`.
        inputs: the paths that it reads.
        output: what it writes to `--out`.
        options: the words that it is told.
        gate: how much of the `gate` section it reads.
        sections: Other sections that it reads, beside its own.
        scratch: whether it resumes from `--work` after a kill.
        cards: what a cluster's page shows of its output.
    """

    name: str
    inputs: tuple[Input, ...]
    output: str
    options: tuple[Option, ...] = ()
    gate: Literal["nothing", "sites", "everything"] = "nothing"
    sections: tuple[str, ...] = ()
    scratch: bool = False
    cards: tuple[Card, ...] = ()

    def keys(self, profile: str) -> set[str]:
        """Return the keys of params.yaml that the stage can read, as dvc.yaml declares them."""
        gate = {"nothing": set[str](), "sites": {"gate.sites"}, "everything": {"gate"}}[self.gate]
        members = {entry.over for entry in self.inputs if entry.over is not None}
        sections = {key for name in (self.name, *self.sections) for key in (name, f"profiles.{profile}.{name}")}
        return {"profile"} | sections | gate | members


SITE = Option("site", "the site's id")
FOLD = Option("fold", "the held-out site's id, or `all` for the model that ships")
DATA = Input("data", "the data set's folder, as it is or packed by `ddlivm pack`")
TRANSFORMS = Input("transforms", "the alignment stage's output for the fold")
SERIES = Input("series", "folder with the HSTD augmentation stage's output for each site", "sites", ("series",))
FIGURES = Input(
    "figures",
    "folder with the cross-domain evaluation stage's output for each fold",
    "folds",
    ("figures", "shipped_figures"),
)
