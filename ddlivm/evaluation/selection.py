"""What head selection wrote: its scores, its choice, and every head's detections."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from ddlivm.data import Site, load_taxonomy
from ddlivm.data.boxes import Boxes
from ddlivm.data.calibration import Calibration
from ddlivm.errors import InputError
from ddlivm.files import read_json

COMPARED = {"paper": "before and after defects are pasted", "agreement": "with the other heads' detections"}
"""What a head's detections are compared with, by the score."""


@dataclass(frozen=True)
class Candidate:
    """One head and how it held up (3.3).

    Attributes:
        head: its name, `<family>-<epoch>`.
        score: mean IoU of its detections with what they are compared with, 0 to 1; None when it detected nothing.
        spread: the score's interval.
        detections: how many detections were tried.
        eligible: whether it detected enough to be chosen.
    """

    head: str
    score: float | None
    spread: tuple[float, float] | None
    detections: int
    eligible: bool


@dataclass(frozen=True)
class SelectionScores:
    """`selection.json`.

    Attributes:
        fold: the fold's name.
        targets: the held-out sites, whose unlabelled images were used: the choice is transductive.
        chosen: the head that held best; of several that cannot be told apart, the latest FCOS head.
        default: the head that is used where nothing can be chosen.
        tie: whether the best score could not be told apart from another's.
        candidates: every head of the bank.
        last_fcos: the FCOS head of the last epoch.
        last_mask_rcnn: the Mask R-CNN head of the last epoch.
        references: what is evaluated beside the candidates and never chosen.
        notes: what a reader of the choice must know.
        score: how the heads were judged.
        set_aside: The source sites that the heads were calibrated on.
        calibrations: Each head's calibration, the references' too; its threshold is the one that ships.
    """

    fold: str
    targets: tuple[str, ...]
    chosen: str
    default: str
    tie: bool
    candidates: tuple[Candidate, ...]
    last_fcos: str
    last_mask_rcnn: str
    references: tuple[str, ...]
    calibrations: dict[str, Calibration]
    set_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    score: Literal["paper", "agreement"] = "paper"

    @property
    def heads(self) -> tuple[str, ...]:
        """Every head that has detections: candidates, then references."""
        return (*(candidate.head for candidate in self.candidates), *self.references)

    def threshold(self, head: str) -> float:
        """Return the score from which on a head's detections are reported."""
        return self.calibrations[head].threshold

    @property
    def rows(self) -> dict[str, str]:
        """The heads that the tables name: Table 5's head rows, and the references."""
        named = {"selected": self.chosen, "last_fcos": self.last_fcos, "last_mask_rcnn": self.last_mask_rcnn}
        return named | {head: head for head in self.references}

    @classmethod
    def load(cls, folder: Path) -> "SelectionScores":
        """Read `selection.json` of a selection folder.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = folder / "selection.json"
        try:
            loaded = TypeAdapter(cls).validate_python(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise InputError(f"{path}: {key}: {first['msg']}; run head selection again") from error
        missing = [head for head in loaded.heads if head not in loaded.calibrations]
        if missing:
            raise InputError(f"{path}: calibrations: has none for head {missing[0]!r}; run head selection again")
        return loaded


def load_detections(folder: Path, site: Site, head: str) -> Boxes:
    """Read one head's detections on one site, in raw infrared pixels.

    Raises:
        InputError: the file is missing, damaged, or names an image or a class that the site does not have.
    """
    path = folder / "detections" / site.id / f"{head}.json"
    results: list[dict[str, Any]] = read_json(path)
    try:
        boxes = Boxes.from_coco(results)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no list of COCO results ({error!r}); run head selection again") from error
    known = {labels.image_id for labels in site.labels.values()}
    strange = sorted(set(boxes.images.tolist()) - known)
    if strange:
        raise InputError(
            f"{path}: image_id {strange[0]} is not in {site.id}/annotations.json; run head selection again"
        )
    if len(boxes) and not 0 <= boxes.classes.min() <= boxes.classes.max() < len(load_taxonomy()):
        raise InputError(f"{path}: a category_id is outside the taxonomy's 1..{len(load_taxonomy())}")
    return boxes
