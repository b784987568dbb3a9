"""A fold's parts with a few numbers for weights, and figures for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from ddlivm.data import load_taxonomy
from ddlivm.evaluation.figures import (
    Curves,
    FoldFigures,
    HeadFigures,
    Limits,
    Regret,
)
from ddlivm.evaluation.metrics import Measures, TypeMeasures
from ddlivm.evaluation.selection import Candidate, SelectionScores
from ddlivm.files import write_json
from ddlivm.parameters import Gate, Registration
from ddlivm.registry.registration import register

HEAD = "fcos-004"
GATE = Gate(sites=["site2"], minimum_map40=0.3, minimum_recall40=0.4)
SCORES = SelectionScores(
    fold="all",
    targets=("site2",),
    chosen=HEAD,
    default=HEAD,
    tie=True,
    candidates=(Candidate(HEAD, 0.8, (0.7, 0.9), 10, True),),
    last_fcos=HEAD,
    last_mask_rcnn="mask_rcnn-004",
    references=("untrained", "infrared_only"),
)


def measures(
    map40: float = 0.5, recall: float = 0.6, accuracy: float = 0.7, predictions: int = 40, **ap: float
) -> Measures:
    """Figures of one head on one site; `ap` overrides types' average precision."""
    types = {name: TypeMeasures(accuracy, recall, ap.get(name, map40), 4, 5, 3, 3) for name in load_taxonomy().names}
    return Measures(accuracy, recall, map40, predictions, 50, types)


def figures(fold: str = "all", sites: Sequence[str] = ("site2",), **values: float) -> FoldFigures:
    """One fold's figures, each of its sites with the same measures."""
    own = measures(**values)  # type: ignore[arg-type]
    return FoldFigures(
        fold=fold,
        sites={site: f"#{site[-1]}" for site in sites},
        simulated=True,
        pairs=20,
        score_threshold=0.3,
        iou_threshold=0.4,
        chosen=HEAD,
        rows={"selected": HEAD},
        heads={HEAD: HeadFigures(own, dict.fromkeys(sites, own))},
        regret=Regret(HEAD, 0.0, HEAD, 0.0),
        selection=SCORES,
        curves=Curves({}, {}),
        thresholds=(),
        confusion=(),
        limits=Limits(0.7, 12.0, (), 0),
        histories={},
        alignment={},
        pictures=(),
    )


@dataclass(frozen=True)
class Parts:
    """The folders that registration reads."""

    folder: Path

    def register(self, out: Path, gate: Gate = GATE, *figures_folders: Path) -> None:
        out.mkdir(parents=True)
        folder = self.folder
        register(
            folder / "segmenter",
            folder / "encoders",
            folder / "bank",
            [folder / "series" / f"site{number}" for number in (1, 2, 3)],
            folder / "selection",
            figures_folders or [folder / "figures" / "site3", folder / "figures" / "all"],
            Registration(name="plants"),
            gate,
            out,
        )


def make_parts(folder: Path, weight: float = 1.0, **values: float) -> Parts:
    """Write parts whose weights are `weight`, evaluated with `values`."""
    for part, names in (
        ("segmenter", ("segmenter",)),
        ("encoders", ("encoders", "step3", "infrared_step")),
        ("bank", ("entry_004", "infrared_only")),
    ):
        (folder / part).mkdir(parents=True)
        for name in names:
            save_file({"weight": np.full(64, weight, np.float32)}, folder / part / f"{name}.safetensors")
        write_json(folder / part / "detector.json", {"part": part})
        write_json(folder / part / "history.json", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    for site in ("site1", "site2", "site3"):
        series = folder / "series" / site
        series.mkdir(parents=True)
        write_json(series / "series.json", {"site": site})
        write_json(series / "defects.json", {"step": 0.01, "defects": []})
        save_file({"excess": np.zeros(0, np.int16), "mask": np.zeros(0, np.uint8)}, series / "defects.safetensors")
    (folder / "selection").mkdir()
    write_json(folder / "selection" / "selection.json", _plain(SCORES))
    for one in (figures("site3", ("site3",)), figures(**values)):  # type: ignore[arg-type]
        (folder / "figures" / one.fold).mkdir(parents=True)
        one.save(folder / "figures" / one.fold)
    return Parts(folder)


def _plain(scores: SelectionScores) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(replace(scores))
