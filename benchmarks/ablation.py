"""What HSTD brings where a plant is hotter and brighter than all that were learnt from (4.3.3).

    OMP_NUM_THREADS=1 python -m benchmarks.ablation

Needs the data, the series and the transforms of a finished demo (`make demo`). For each target, the sources are the
simulated sites of a lower irradiance and a lower module temperature. Each way of augmentation trains the encoders and
a head bank from the same start with the same steps, as the demo does but for less long, and is judged on the target by
its FCOS heads: the last one's accuracy and recall at score 0.3 and its mAP@0.4, and the mean mAP@0.4 of all of them.
Intervals are 95 %, over resamples of the target's images. What is finished in `--work` is not trained again.

The transforms are those of the fold `all`, whose segmenter saw these sites' panels, never their defects.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.head_choice import IOU, RESAMPLES, SCORE, per_image
from ddlivm.data import DataSet, Site
from ddlivm.evaluation.boxes import Boxes
from ddlivm.evaluation.metrics import Measures, correct, measure
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.files import read_yaml, write_json
from ddlivm.simulation.climate import module_temperature
from ddlivm.simulation.plants import PLANTS

TARGETS = ("site4", "site6")
METHODS = ("none", "classic", "oa_mix", "hstd")
STRENGTH = {"diffused": 0.5, "altitude": 0.3}
"""Shares of the paper, which the demo's short training keeps lower."""


@dataclass(frozen=True)
class Result:
    """How a way of augmentation did on a target.

    Attributes:
        target: the site.
        method: of augmentation.
        last: the last FCOS head's figures.
        interval: of its accuracy.
        mean_map40: of all FCOS heads.
    """

    target: str
    method: str
    last: Measures
    interval: tuple[float, float]
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


def write_params(params: Path, path: Path, target: str, method: str, epochs: tuple[int, int]) -> None:
    """Write the demo's parameters with another augmentation and another length."""
    content = read_yaml(params)
    kept = [*cooler_and_darker(target), target]
    content |= {"sites": kept, "folds": [target], "gate": content["gate"] | {"sites": kept[:1]}}
    demo = content["profiles"]["demo"]
    for stage, count in zip(("dtft_training", "head_checkpointing"), epochs, strict=True):
        demo[stage]["augmentation"] |= STRENGTH | {"method": method}
        demo[stage]["epochs"] = count
    demo["head_selection"]["maximum_pairs"] = 1  # its detections are what is needed
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def train(work: Path, build: Path, params: Path, target: str) -> Path:
    """Run the training stages and the one that lets every head detect; return the last one's folder."""
    shared = {"params": params, "data": work / target / "data", "fold": target, "work": work / "scratch"}
    shared |= {"transforms": build / "transforms" / "all", "series": build / "series"}
    out = work / target / params.stem
    encoders, bank = {"encoders": out / "encoders"}, {"bank": out / "bank"}
    stages: tuple[tuple[str, str, dict[str, Path]], ...] = (
        ("dtft_training", "encoders", {}),
        ("head_checkpointing", "bank", encoders),
        ("head_selection", "selection", encoders | bank),
    )
    for stage, name, inputs in stages:
        words: dict[str, Any] = shared | inputs | {"out": out / name}
        if not (out / name).is_dir():
            flags = [word for key, value in words.items() for word in (f"--{key}", str(value))]
            subprocess.run([sys.executable, "-m", f"components.{stage}", *flags], check=True)
    return out / "selection"


def judge(folder: Path, site: Site, method: str) -> Result:
    """Measure the FCOS heads of a finished run."""
    selection = SelectionScores.load(folder)
    truth = Boxes.of((labels.image_id, labels.defects) for labels in site.labels.values())
    heads = [entry.head for entry in selection.candidates if entry.head.startswith("fcos")]
    found = {head: load_detections(folder, site, head) for head in heads}
    figures = {head: measure(found[head], truth, SCORE, IOU) for head in heads}
    images = sorted(labels.image_id for labels in site.labels.values())
    above = found[selection.last_fcos].above(SCORE)
    right = per_image(above.images[correct(above, truth)], images)
    predicted = per_image(above.images, images)
    draws = np.random.default_rng(0).multinomial(len(images), np.full(len(images), 1 / len(images)), RESAMPLES)
    low, high = np.percentile((draws @ right) / np.maximum(draws @ predicted, 1), [2.5, 97.5])
    mean = float(np.mean([each.map40 for each in figures.values()]))
    return Result(site.id, method, figures[selection.last_fcos], (float(low), float(high)), mean)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--work", type=Path, default=Path("build/ablation"), help="what is trained; goes on from there")
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--epochs", nargs=2, type=int, default=(4, 2), help="of the encoders and of the bank")
    parser.add_argument("--json", type=Path, help="a file for the table")
    arguments = parser.parse_args(words)
    rows = []
    for target in arguments.targets:
        write_fold(arguments.data, arguments.work / target / "data", target)
        site = DataSet.load(arguments.work / target / "data").site(target)
        for method in arguments.methods:
            params = arguments.work / target / f"{method}.yaml"
            write_params(Path("params.yaml"), params, target, method, tuple(arguments.epochs))
            rows.append(judge(train(arguments.work, arguments.build, params, target), site, method))
    print(f"\n{'target':<8}{'augmentation':<14}{'accuracy':>24}{'recall':>8}{'mAP@0.4':>9}{'mean of heads':>15}")
    for row in rows:
        interval = f"{row.last.accuracy:.3f} ({row.interval[0]:.3f} to {row.interval[1]:.3f})"
        print(
            f"{row.target:<8}{row.method:<14}{interval:>24}{row.last.recall40:>8.3f}{row.last.map40:>9.3f}"
            f"{row.mean_map40:>15.3f}"
        )
    if arguments.json:
        write_json(arguments.json, [asdict(row) for row in rows])


if __name__ == "__main__":
    main()
