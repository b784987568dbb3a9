"""What is known of a model when it is judged, kept with its version so that the next model can be compared with it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddlivm.data import ALL
from ddlivm.errors import InputError
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.image_results import ImageResults
from ddlivm.evaluation.metrics import Measures
from ddlivm.files import read_json, write_json

FILE = "evidence.json"


@dataclass(frozen=True)
class Evidence:
    """A model's evaluation.

    Attributes:
        head: the head that was selected on the gate's sites as an inspection selects it; it is the one that is judged.
        figures: each fold's figures; those of the fold `all` are the model's own, on the gate's sites, the others'
            are the same recipe's on other held-out sites.
        results: each fold's results pair by pair.
        size_bytes: of all the model's files.
        seconds_per_pair: how long the chain took to detect in one pair with it; None where that was not measured.
    """

    head: str
    figures: dict[str, FoldFigures]
    results: dict[str, ImageResults]
    size_bytes: int
    seconds_per_pair: float | None

    @classmethod
    def gather(cls, folders: Iterable[Path], size_bytes: int, seconds_per_pair: float | None = None) -> "Evidence":
        """Read the evaluation stage's outputs.

        Raises:
            InputError: a file is missing or damaged, or the fold `all` is not among them.
        """
        figures, results = {}, {}
        for folder in folders:
            fold = FoldFigures.load(folder)
            figures[fold.fold], results[fold.fold] = fold, ImageResults.load(folder)
        if ALL not in figures:
            raise InputError(f"no figures of the fold {ALL!r} were given; add it to `folds` in params.yaml")
        return cls(figures[ALL].chosen, figures, results, size_bytes, seconds_per_pair)

    def save(self, folder: Path) -> None:
        """Write `evidence.json` and a folder a fold."""
        for fold, figures in self.figures.items():
            (folder / fold).mkdir(parents=True)
            figures.save(folder / fold)
            self.results[fold].save(folder / fold)
        facts = {"folds": sorted(self.figures), "head": self.head, "size_bytes": self.size_bytes}
        write_json(folder / FILE, facts | {"seconds_per_pair": self.seconds_per_pair})

    @classmethod
    def load(cls, folder: Path) -> "Evidence":
        """Read what `save` wrote.

        Raises:
            InputError: a file is missing or damaged.
        """
        content: dict[str, Any] = read_json(folder / FILE)
        try:
            folds = [folder / Path(fold).name for fold in content["folds"]]
            seconds = content["seconds_per_pair"]
            return cls.gather(folds, int(content["size_bytes"]), None if seconds is None else float(seconds))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder / FILE}: is not what registration wrote ({error!r}); register again") from error


def unmeasured(place: str, measures: Measures) -> Iterator[str]:
    """Yield a line for each figure that a judgement needs and that is absent or no number."""
    if measures.defects == 0:
        yield f"{place} has no labelled defect to judge by"
    for name in ("map40", "recall40", "accuracy"):
        if not math.isfinite(getattr(measures, name)):
            yield f"{name} on {place} is not a number"
    for kind, figures in sorted(measures.types.items()):
        if figures.defects and (figures.ap40 is None or not math.isfinite(figures.ap40)):
            yield f"AP@0.4 of {kind} on {place} was not measured"
