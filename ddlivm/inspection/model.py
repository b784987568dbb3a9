"""The model that ships: one directory of safetensors and JSON that holds all that an inspection needs."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open

from ddlivm.data import load_taxonomy, series_by_site
from ddlivm.data.calibration import Calibration
from ddlivm.errors import InputError
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.files import read_json, sha256, write_json
from ddlivm.parameters import InspectionSettings

FILE = "model.json"
FORMAT = 3
"""Of the directory; 1 had no settings and no calibrations, 2 no settings of what is looked for without learning and
of adaptation, and no source tiles."""
TRAINING_ONLY = ("history.json", "step3.safetensors", "infrared_step.safetensors")
"""What the stages' folders hold beside what an inspection reads."""
PARTS = ("segmenter", "encoders", "bank", "defects")


@dataclass(frozen=True)
class ModelCard:
    """`model.json`: what the directory holds, with each file's digest.

    Attributes:
        format: of this directory; raised when a reader of the old one would misread it.
        default: the head that is used where none can be selected, on a single pair say.
        heads: every head of the bank that may be chosen.
        classes: the defect types in class order.
        sources: the sites whose labelled defects are pasted when a head is selected.
        held_out: the sites that the model never learnt from.
        set_aside: The source sites that its heads were calibrated on.
        calibrations: Each head's calibration, with the threshold that ships.
        settings: What an inspection runs with.
        files: path within the directory to sha256.
        adaptation: What the adaptation to a flight cost and changed, where the model is adapted to one.
    """

    format: int
    default: str
    heads: tuple[str, ...]
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    held_out: tuple[str, ...]
    set_aside: tuple[str, ...]
    calibrations: dict[str, Calibration]
    settings: InspectionSettings
    files: dict[str, str]
    adaptation: dict[str, Any] | None = None

    def content(self) -> dict[str, Any]:
        """Return the card as `model.json` holds it."""
        content: dict[str, Any] = TypeAdapter(ModelCard).dump_python(self, mode="json")
        return content

    @property
    def content_hash(self) -> str:
        """The sha256 that identifies the model: equal for equal files, wherever they lie."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class ShippedModel:
    """A model's directory that has been checked, file by file.

    Attributes:
        folder: the directory.
        card: its `model.json`.
    """

    folder: Path
    card: ModelCard

    @property
    def segmenter(self) -> Path:
        """The segmenter's folder."""
        return self.folder / "segmenter"

    @property
    def encoders(self) -> Path:
        """The encoders' folder."""
        return self.folder / "encoders"

    @property
    def bank(self) -> Path:
        """The head bank's folder."""
        return self.folder / "bank"

    @property
    def defects(self) -> list[Path]:
        """The source defects' folders, one a site."""
        return [self.folder / "defects" / site for site in self.card.sources]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read and check a model's directory; weights are not loaded yet.

        Raises:
            InputError: no such directory, no model, a file is missing or not the one that was shipped.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such model directory; `make demo` leaves one at build/registration/model")
        card = _read_card(folder / FILE)
        for name, digest in card.files.items():
            _check(folder / name, digest)
        return cls(folder, card)


def build_model(
    segmenter: Path,
    encoders: Path,
    bank: Path,
    series: Sequence[Path],
    selection: Path,
    settings: InspectionSettings,
    out: Path,
) -> ShippedModel:
    """Bring a fold's parts together as a model's directory.

    The held-out sites' defects are left out: their labels are for judging the model only.

    Args:
        segmenter: the background removal stage's output.
        encoders: the DTFT training stage's output.
        bank: the head checkpointing stage's output.
        series: the augmentation stage's outputs, one a site.
        selection: the head selection stage's output.
        settings: what an inspection runs with.
        out: the directory to make.

    Raises:
        InputError: a part is missing or damaged.
    """
    scores = SelectionScores.load(selection)
    for part, source in (("segmenter", segmenter), ("encoders", encoders), ("bank", bank)):
        _copy(source, out / part, [path.name for path in _weights_and_json(source)])
    sites = series_by_site(series)
    sources = tuple(sorted(sites.keys() - {*scores.targets, *scores.set_aside}))
    for site in sources:
        _copy(sites[site], out / "defects" / site, ["defects.json", "defects.safetensors"])
    card = ModelCard(
        format=FORMAT,
        default=scores.default,
        heads=tuple(candidate.head for candidate in scores.candidates),
        classes=load_taxonomy().names,
        sources=sources,
        held_out=scores.targets,
        set_aside=scores.set_aside,
        calibrations={head: scores.calibrations[head] for head in scores.heads},
        settings=settings,
        files={path.relative_to(out).as_posix(): sha256(path) for path in _files(out)},
    )
    write_json(out / FILE, card.content())
    return ShippedModel.load(out)


def _weights_and_json(folder: Path) -> list[Path]:
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".safetensors", ".json") and path.name not in TRAINING_ONLY
    ]
    if not any(path.suffix == ".safetensors" for path in found):
        raise InputError(f"{folder}: holds no weights; run the stage that writes it again")
    return found


def _copy(source: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir(parents=True)
    for name in names:
        try:
            shutil.copyfile(source / name, target / name)
        except FileNotFoundError as error:
            raise InputError(f"{source / name}: is missing; run the stage that writes it again") from error


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _read_card(path: Path) -> ModelCard:
    content: Any = read_json(path)
    if isinstance(content, dict) and content.get("format") not in (None, FORMAT):
        advice = "train the model again" if content["format"] in (1, 2) else "update ddlivm"
        raise InputError(f"{path}: has format {content['format']}, {FORMAT} expected; {advice}")
    try:
        card = TypeAdapter(ModelCard).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; is this a model?") from error
    if card.classes != load_taxonomy().names:
        raise InputError(f"{path}: its classes {', '.join(card.classes)} are not the taxonomy's; train the model again")
    outside = [name for name in card.files if name.split("/")[0] not in PARTS or ".." in Path(name).parts]
    outside += [site for site in card.sources if Path(site).name != site or site == ".."]
    if outside:
        raise InputError(f"{path}: lists {outside[0]!r}, which is no part of a model; get the model again")
    return card


def _check(path: Path, digest: str) -> None:
    if not path.is_file():
        raise InputError(f"{path}: the model's file is missing; get the model again")
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, "numpy") as tensors:
                tensors.keys()
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: is a corrupt safetensors file ({error}); get the model again") from error
    if sha256(path) != digest:
        raise InputError(f"{path}: is not the file that was shipped (sha256 differs); get the model again")
