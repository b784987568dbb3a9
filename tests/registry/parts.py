"""A fold's parts with a few numbers for weights, and figures for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from ddlivm.data import load_taxonomy
from ddlivm.data.calibration import Calibration
from ddlivm.evaluation.figures import Curves, FoldFigures, HeadFigures, Limits, Matched, Regret
from ddlivm.evaluation.image_results import ImageResults, SiteResults
from ddlivm.evaluation.metrics import Measures, TypeMeasures
from ddlivm.evaluation.selection import Candidate, SelectionScores
from ddlivm.files import write_json
from ddlivm.parameters import Gate, InspectionSettings, Registration, load_parameters
from ddlivm.registry.evidence import Evidence
from ddlivm.registry.registration import register
from tests.imports import ROOT

HEAD = "fcos-004"
PAIRS = 100
GATE = Gate(
    sites=["site2"],
    minimum_map40=0.3,
    minimum_recall40=0.4,
    minimum_ap40=0.05,
    margin=0.02,
    type_margin=0.1,
    confidence=0.95,
    resamples=200,
    maximum_bytes=1_000_000,
    maximum_seconds_per_pair=2.0,
)
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
    calibrations={head: Calibration(0.3, 0.9, -0.2, 40, 0.9, 0.6) for head in (HEAD, "untrained", "infrared_only")},
    set_aside=("site3",),
)


def settings() -> InspectionSettings:
    """What params.yaml says."""
    own = load_parameters(ROOT / "params.yaml")
    return InspectionSettings(
        alignment=own.alignment,
        head_selection=own.head_selection,
        adaptation=own.adaptation,
        thermography=own.thermography,
    )


def measures(
    map40: float = 0.5, recall: float = 0.6, accuracy: float = 0.7, predictions: int = 40, **ap: float
) -> Measures:
    """Figures of one head on one site; `ap` overrides types' average precision."""
    types = {name: TypeMeasures(accuracy, recall, ap.get(name, map40), 4, 5, 3, 3) for name in load_taxonomy().names}
    return Measures(accuracy, recall, map40, predictions, 50, types)


def head_figures(over_all: Measures, sites: dict[str, Measures]) -> HeadFigures:
    return HeadFigures(over_all, sites, 0.3, Matched(0.6, 0.8, 0.25))


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
        heads={HEAD: head_figures(own, dict.fromkeys(sites, own))},
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


def results(sites: Sequence[str] = ("site2",), map40: float = 0.5, others: int = 0) -> ImageResults:
    """A hundred pairs a site with a defect each, ten of each type, of which a share of `map40` is found.

    Of two models the one that finds more finds what the other finds, unless `others` moves on which ones are found.
    """
    kinds = len(load_taxonomy())
    found = [pair for pair in range(PAIRS) if (pair + others) % PAIRS < map40 * PAIRS - 1e-9]
    site = SiteResults(
        pairs=tuple(f"{pair:04d}" for pair in range(PAIRS)),
        defects=tuple(tuple(int(kind == pair % kinds) for kind in range(kinds)) for pair in range(PAIRS)),
        pair=tuple(found),
        kind=tuple(pair % kinds for pair in found),
        score=(0.9,) * len(found),
        hit=(True,) * len(found),
    )
    return ImageResults("evaluation set", HEAD, 0.4, dict.fromkeys(sites, site))


def evidence(
    sites: Sequence[str] = ("site2",),
    folds: Sequence[str] = ("site3",),
    size_bytes: int = 1000,
    seconds_per_pair: float | None = 0.5,
    others: int = 0,
    **values: float,
) -> Evidence:
    """A model's evaluation: the same figures on the gate's sites and on each fold's."""
    own = {"all": figures("all", sites, **values), **{fold: figures(fold, (fold,), **values) for fold in folds}}
    found = values.get("map40", 0.5)
    pairwise = {"all": results(sites, found, others), **{fold: results((fold,), found) for fold in folds}}
    return Evidence(HEAD, own, pairwise, size_bytes, seconds_per_pair)


@dataclass(frozen=True)
class Parts:
    """The folders that registration reads."""

    folder: Path

    def register(
        self, out: Path, gate: Gate = GATE, *figures_folders: Path, promote: bool = True, name: str = "plants"
    ) -> None:
        out.mkdir(parents=True)
        folder = self.folder
        register(
            folder / "segmenter",
            folder / "encoders",
            folder / "bank",
            [folder / "series" / f"site{number}" for number in (1, 2, 3)],
            folder / "selection",
            figures_folders or [folder / "figures" / "site3", folder / "figures" / "all"],
            Registration(name=name, promote=promote),
            settings(),
            gate,
            out,
            lineage={
                "data_md5": "abc.dir",
                "git": "revision",
                "parents": [{"input": "bank", "key": "k1"}],
                "parameters": {},
            },
            seconds_per_pair=0.5,
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
    own = evidence(**values)  # type: ignore[arg-type]
    for fold, one in own.figures.items():
        (folder / "figures" / fold).mkdir(parents=True)
        one.save(folder / "figures" / fold)
        own.results[fold].save(folder / "figures" / fold)
    return Parts(folder)


def _plain(scores: SelectionScores) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(replace(scores))
