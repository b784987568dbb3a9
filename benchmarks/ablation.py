"""What HSTD brings where a plant is hotter and brighter than all that were learnt from (4.3.3).

    OMP_NUM_THREADS=1 python -m benchmarks.ablation

Needs the data, the series, the segmenter and the transforms of a finished demo (`make demo`). For each target, the
sources are the simulated sites of a lower irradiance and a lower module temperature. Each way of augmentation trains
the encoders and a head bank as the demo does, from the same start with as many steps and with the shares of
params.yaml, and is judged on the target by its FCOS heads: the last one's accuracy and recall at its threshold and its
mAP@0.4, and the mean mAP@0.4 of all of them. Thresholds are calibrated where a group of `calibration.sites` is among
the sources; elsewhere they are `head_selection.score_threshold`. What HSTD has more is the mean over targets and seeds,
with the 95 % interval of Student's t over them. What is finished in `--work` is not trained again.

The transforms are those of the fold `all`, whose segmenter saw these sites' panels, never their defects.
"""

import argparse
import itertools
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import t

from benchmarks.head_choice import IOU
from ddlivm.data import DataSet, Site
from ddlivm.data.boxes import Boxes
from ddlivm.evaluation.metrics import measure
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.files import read_yaml, write_json
from ddlivm.simulation.climate import module_temperature
from ddlivm.simulation.plants import PLANTS

TARGETS = ("site4", "site6")
METHODS = ("none", "classic", "oa_mix", "hstd")
FIGURES = ("accuracy", "recall40", "map40", "mean_map40")


@dataclass(frozen=True)
class Result:
    """How a way of augmentation did on a target.

    Attributes:
        target: the site.
        method: of augmentation.
        seed: of the training.
        predictions: of the last FCOS head above the score threshold.
        accuracy: its accuracy.
        recall40: its recall@0.4.
        map40: its mAP@0.4.
        mean_map40: of all FCOS heads.
    """

    target: str
    method: str
    seed: int
    predictions: int
    accuracy: float
    recall40: float
    map40: float
    mean_map40: float


def cooler_and_darker(target: str) -> list[str]:
    """Return the sites that the target is hotter and brighter than."""
    days = {plant.id: plant.day for plant in PLANTS}
    hot, bright = module_temperature(days[target]), days[target].irradiance
    return [name for name, day in days.items() if module_temperature(day) < hot and day.irradiance < bright]


def write_fold(data: Path, folder: Path, target: str) -> None:
    """Write a data set of the target and its sources that points at the images of another one."""
    kept = [*cooler_and_darker(target), target]
    folder.mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in read_yaml(data / "sites.yaml") if entry["id"] in kept]
    (folder / "sites.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    for name in kept:
        if not (folder / name).exists():
            (folder / name).symlink_to((data / name).absolute(), target_is_directory=True)


def write_params(params: Path, path: Path, target: str, method: str, seed: int) -> None:
    """Write the demo's parameters with another augmentation and another seed."""
    content = read_yaml(params)
    kept = [*cooler_and_darker(target), target]
    content |= {"sites": kept, "folds": [target], "gate": content["gate"] | {"sites": kept[:1]}}
    groups = [group for group in content["calibration"]["sites"] if set(group) < set(kept[:-1])]
    content["calibration"]["sites"] = groups
    demo = content["profiles"]["demo"]
    for stage in ("dtft_training", "head_checkpointing"):
        demo[stage]["augmentation"]["method"] = method
        demo[stage]["seed"] = seed
    demo["head_selection"]["maximum_pairs"] = 1  # its detections are what is needed
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def train(work: Path, build: Path, params: Path, target: str) -> Path:
    """Run the training stages and the one that lets every head detect; return the last one's folder."""
    shared = {"params": params, "data": work / target / "data", "fold": target, "work": work / "scratch"}
    shared |= {"transforms": build / "transforms" / "all", "series": build / "series"}
    segmenter = {"segmenter": build / "segmenter" / "all"}
    out = work / target / params.stem
    encoders, bank = {"encoders": out / "encoders"}, {"bank": out / "bank"}
    stages: tuple[tuple[str, str, dict[str, Path]], ...] = (
        ("dtft_training", "encoders", {}),
        ("head_checkpointing", "bank", encoders),
        ("head_selection", "selection", segmenter | encoders | bank),
    )
    for stage, name, inputs in stages:
        words: dict[str, Any] = shared | inputs | {"out": out / name}
        if not (out / name).is_dir():
            flags = [word for key, value in words.items() for word in (f"--{key}", str(value))]
            subprocess.run([sys.executable, "-m", f"components.{stage}", *flags], check=True)
    return out / "selection"


def judge(folder: Path, site: Site, method: str, seed: int) -> Result:
    """Measure the FCOS heads of a finished run."""
    selection = SelectionScores.load(folder)
    truth = Boxes.of((labels.image_id, labels.defects) for labels in site.labels.values())
    heads = [entry.head for entry in selection.candidates if entry.head.startswith("fcos")]
    figures = {
        head: measure(load_detections(folder, site, head), truth, selection.threshold(head), IOU) for head in heads
    }
    last = figures[selection.last_fcos]
    mean = float(np.mean([each.map40 for each in figures.values()]))
    return Result(site.id, method, seed, last.predictions, last.accuracy, last.recall40, last.map40, mean)


def difference(rows: Sequence[Result], method: str, figure: str) -> str:
    """Return what HSTD has more than another way, over the trainings that both did, with its interval."""
    values = {(row.target, row.seed, row.method): getattr(row, figure) for row in rows}
    pairs = [(row.target, row.seed) for row in rows if row.method == method]
    more = np.array([values[(*pair, "hstd")] - values[(*pair, method)] for pair in pairs if (*pair, "hstd") in values])
    if len(more) < 2:
        return "unknown"
    half = float(t.ppf(0.975, len(more) - 1) * more.std(ddof=1) / np.sqrt(len(more)))
    return f"{more.mean():+.3f} ({more.mean() - half:+.3f} to {more.mean() + half:+.3f})"


def show(rows: Sequence[Result]) -> None:
    """Print every training, and then HSTD against each other way."""
    print(f"\n{'target':<8}{'method':<9}{'seed':>4}{'accuracy':>10}{'recall':>8}{'mAP@0.4':>9}{'mean of heads':>15}")
    for row in rows:
        print(
            f"{row.target:<8}{row.method:<9}{row.seed:>4}{row.accuracy:>10.3f}{row.recall40:>8.3f}{row.map40:>9.3f}"
            f"{row.mean_map40:>15.3f}"
        )
    for method in dict.fromkeys(row.method for row in rows if row.method != "hstd"):
        print(f"\nhstd against {method}")
        for figure in FIGURES:
            print(f"  {figure:<12}{difference(rows, method, figure)}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--work", type=Path, default=Path("build/ablation"), help="what is trained; goes on from there")
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=(0, 1))
    parser.add_argument("--json", type=Path, help="a file for the table")
    arguments = parser.parse_args(words)
    rows = []
    for target in arguments.targets:
        write_fold(arguments.data, arguments.work / target / "data", target)
        site = DataSet.load(arguments.work / target / "data").site(target)
        for seed, method in itertools.product(arguments.seeds, arguments.methods):
            params = arguments.work / target / f"{method}-{seed}.yaml"
            write_params(Path("params.yaml"), params, target, method, seed)
            rows.append(judge(train(arguments.work, arguments.build, params, target), site, method, seed))
    show(rows)
    if arguments.json:
        write_json(arguments.json, [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
