"""figures.json: everything that is known about one fold's model, for the report, the tracking and the gate."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ddlivm.errors import InputError
from ddlivm.evaluation.metrics import Measures
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.files import read_json, write_json


@dataclass(frozen=True)
class Matched:
    """A head at the highest threshold that reaches a recall; it takes the held-out labels to find that threshold.

    Attributes:
        recall40: The recall that is asked for.
        accuracy: The head's accuracy there; None where it never finds as many defects.
        threshold: The threshold; None likewise.
    """

    recall40: float
    accuracy: float | None
    threshold: float | None


@dataclass(frozen=True)
class HeadFigures:
    """One head's figures.

    Attributes:
        all: Over the fold's held-out sites.
        sites: On each of them.
        threshold: The shipped threshold, at which accuracy and recall are taken.
        matched: Over all held-out sites at a matched recall, a diagnostic.
    """

    all: Measures
    sites: dict[str, Measures]
    threshold: float
    matched: Matched


@dataclass(frozen=True)
class Regret:
    """What the choice of a head cost against the best candidate in hindsight, in accuracy and in mAP@0.4."""

    best_accuracy: str
    accuracy: float
    best_map40: str
    map40: float


@dataclass(frozen=True)
class Operating:
    """The selected head at another score threshold."""

    threshold: float
    accuracy: float
    recall40: float
    predictions: int


@dataclass(frozen=True)
class Side:
    """The selected head's recall on defects of one size: square root of the area in raw infrared pixels."""

    above: float
    defects: int
    recalled: int


@dataclass(frozen=True)
class Limits:
    """What holds the selected head back.

    Attributes:
        recall40_any_class: recall when a prediction of any type may find a defect: localisation without diagnosis.
        median_side: the defects' median size, as in `Side`.
        sides: recall by size, from small to large.
        outside: defects whose centre only the infrared camera shows; they cannot be found.
    """

    recall40_any_class: float
    median_side: float
    sides: tuple[Side, ...]
    outside: int


@dataclass(frozen=True)
class Curves:
    """Interpolated precision at recall 0, 0.01, ... 1: the mean over types of each table row, and each type's own."""

    rows: dict[str, tuple[float, ...]]
    types: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class History:
    """What a training stage logged, an entry an epoch; None where an epoch has no such value."""

    epochs: tuple[int, ...]
    values: dict[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class SiteAlignment:
    """A held-out site's transform, infrared to visible raw pixels, and how its pairs agreed with it."""

    scale: float
    offset_x: float
    offset_y: float
    rotation_deg: float
    confidence: float
    pairs: int
    flags: dict[str, int]


@dataclass(frozen=True)
class Picture:
    """A picture beside figures.json."""

    kind: Literal["detections", "alignment", "augmentation"]
    file: str
    caption: str


@dataclass(frozen=True)
class FoldFigures:
    """One fold's figures.

    Attributes:
        fold: the held-out site, or `all`.
        sites: the held-out sites' names, by id.
        simulated: whether any of them is simulated: then every number is.
        pairs: how many pairs were evaluated.
        score_threshold: the selected head's, of its accuracy, recall and number of predictions.
        iou_threshold: of recall and mAP.
        chosen: the head that was selected without labels.
        rows: the heads that the tables name, by row.
        heads: every head's figures.
        regret: the cost of the choice.
        selection: the selection's scores.
        curves: precision over recall.
        thresholds: the selected head at other score thresholds.
        confusion: [true class][predicted class] counts of the selected head; the last of both is the background.
        limits: what holds the selected head back.
        histories: by training stage.
        alignment: by held-out site.
        pictures: what there is to see.
    """

    fold: str
    sites: dict[str, str]
    simulated: bool
    pairs: int
    score_threshold: float
    iou_threshold: float
    chosen: str
    rows: dict[str, str]
    heads: dict[str, HeadFigures]
    regret: Regret
    selection: SelectionScores
    curves: Curves
    thresholds: tuple[Operating, ...]
    confusion: tuple[tuple[int, ...], ...]
    limits: Limits
    histories: dict[str, History]
    alignment: dict[str, SiteAlignment]
    pictures: tuple[Picture, ...]

    def row(self, name: str) -> HeadFigures:
        """Return the figures of a table's row, e.g. `selected`."""
        return self.heads[self.rows[name]]

    def save(self, folder: Path) -> None:
        """Write `figures.json`."""
        write_json(folder / "figures.json", asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "FoldFigures":
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = folder / "figures.json"
        try:
            return TypeAdapter(cls).validate_python(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: {key}: {first['msg']}; run the cross-domain evaluation again") from error
