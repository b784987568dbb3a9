"""Does a head's selection score say how good the head is on the plant without labels?

    python -m benchmarks.head_choice [--data data] [--build build ...]

For each fold of finished runs: Spearman's rank correlation between each head's score and its true accuracy and mAP@0.4
on the held-out site, and the regret of the choice: what the best head in hindsight has more. Both are over the heads
that may be chosen: the others find next to nothing. Accuracy is at each head's shipped threshold. Beside the two scores
that `head_selection` offers stand the mean confidence, the last head of each family (the paper's HS rows), and a head
at random (the mean over the heads).

The best head in hindsight is also the luckiest one, the more so the fewer images a site has. What labels would bring
is free of that: the head that the labels of half of the images choose against the chosen one, on the other half.

The paper's score and choice are what the run wrote; agreement is worked out from the same run's detections. Intervals
are 95 %, over resamples of the images on which a choice is judged, and for the means over folds too. The choice itself
stays. `--frozen` names the folds on which a score was made up; the means are then given for the others as well.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddlivm.data import DataSet
from ddlivm.data.boxes import Boxes, correct
from ddlivm.errors import InputError
from ddlivm.evaluation.metrics import measure
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.selection.agreement import agreements
from ddlivm.selection.choice import choose

IOU = 0.4
RESAMPLES = 1000
HALVES = 400
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """What a way of choosing gave on one fold.

    Attributes:
        scores: (heads,); NaN where a head has none, None where the way has no scores.
        weights: (heads,) share of each head in the choice; one 1, or all alike for a head at random.
        note: what was chosen.
    """

    scores: Floats | None
    weights: Floats
    note: str


@dataclass(frozen=True)
class Judged:
    """One fold: the truth about its heads, and the choices.

    Attributes:
        name: run and fold.
        right: (images, heads) correct predictions.
        predicted: (images, heads) predictions.
        map40: (heads,).
        eligible: (heads,) whether a head may be chosen.
        choices: by the way of choosing.
    """

    name: str
    right: Floats
    predicted: Floats
    map40: Floats
    eligible: npt.NDArray[np.bool_]
    choices: dict[str, Choice]

    def accuracy(self, weights: Floats | None = None) -> Floats:
        """Return (heads,) accuracy; with (images,) weights of a resample, or (n, heads) with (n, images)."""
        weights = np.ones(len(self.right)) if weights is None else weights
        predicted = weights @ self.predicted
        return np.divide(weights @ self.right, predicted, out=np.zeros_like(predicted), where=predicted > 0)

    def correlation(self, way: str, truth: Floats) -> float:
        """Return Spearman's rank correlation over the eligible heads; NaN where a way has no scores."""
        scores = self.choices[way].scores
        if scores is None or self.eligible.sum() < 3:
            return float("nan")
        ranks = [pd.Series(values[self.eligible]).rank().to_numpy() for values in (scores, truth)]
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if all(np.ptp(rank) > 0 for rank in ranks) else float("nan")

    def regret(self, way: str, truth: Floats) -> float:
        """Return how much better the best head that may be chosen is than the chosen one."""
        return float(truth[self.eligible].max() - self.choices[way].weights @ truth)

    def labels_bring(self, way: str) -> float:
        """Return how much more accurate the head is that half of the labels choose, on the other half: mean of many."""
        rng, count = np.random.default_rng(0), len(self.right)
        half = rng.permuted(np.tile(np.arange(count) < count // 2, (HALVES, 1)), axis=1).astype(float)
        best = np.where(self.eligible, self.accuracy(half), -1.0).argmax(axis=1)
        judged = self.accuracy(1.0 - half)
        return float(np.mean(judged[np.arange(HALVES), best] - judged @ self.choices[way].weights))


def judge(name: str, folder: Path, dataset: DataSet) -> Judged:
    """Judge one fold's heads by its held-out site's labels."""
    selection = SelectionScores.load(folder)
    if selection.score != "paper" or len(selection.targets) != 1:
        raise InputError(f"{folder}: the paper's score on one held-out site is expected; select with `score: paper`")
    site = dataset.site(selection.targets[0])
    truth = Boxes.of((labels.image_id, labels.defects) for labels in site.labels.values())
    heads = [entry.head for entry in selection.candidates]
    found = {head: load_detections(folder, site, head) for head in heads}
    images = sorted(labels.image_id for labels in site.labels.values())
    above = {head: found[head].above(selection.threshold(head)) for head in heads}
    predicted = np.array([per_image(above[head].images, images) for head in heads]).T
    right = np.array([per_image(above[head].images[correct(above[head], truth)], images) for head in heads]).T
    return Judged(
        name=name,
        right=right,
        predicted=predicted,
        map40=np.array([measure(found[head], truth, selection.threshold(head), IOU).map40 for head in heads]),
        eligible=np.array([entry.eligible for entry in selection.candidates]),
        choices=choices(selection, above, images),
    )


def choices(selection: SelectionScores, above: dict[str, Boxes], images: Sequence[int]) -> dict[str, Choice]:
    """Return the choice of every way."""
    heads = list(above)

    def one(head: str, scores: Sequence[float | None] | None, tie: bool = False) -> Choice:
        weights = np.array([float(name == head) for name in heads])
        known = None if scores is None else np.array([np.nan if score is None else score for score in scores])
        return Choice(known, weights, f"{head}{', a tie' if tie else ''}")

    agreed_on = [agreements({head: boxes.detections(image) for head, boxes in above.items()}) for image in images]
    agreed = choose(heads, list(filter(None, agreed_on)), resamples=1000, seed=0)
    confidence = [float(boxes.scores.mean()) if len(boxes) else None for boxes in above.values()]
    eligible = [entry.eligible for entry in selection.candidates]
    surest = max(range(len(heads)), key=lambda index: (eligible[index], confidence[index] or 0.0))
    return {
        "paper": one(selection.chosen, [entry.score for entry in selection.candidates], selection.tie),
        "agreement": one(agreed.chosen, [entry.score for entry in agreed.candidates], agreed.tie),
        "confidence": one(heads[surest], confidence),
        "last FCOS": one(selection.last_fcos, None),
        "last Mask R-CNN": one(selection.last_mask_rcnn, None),
        "at random": Choice(None, np.array(eligible) / sum(eligible), "mean over the heads that may be chosen"),
    }


def per_image(found: npt.NDArray[np.int64], images: Sequence[int]) -> Floats:
    """Return (images,) how often each of some sorted image ids is among others."""
    return np.bincount(np.searchsorted(images, found), minlength=len(images)).astype(float)


def interval(folds: Sequence[Judged], value: Callable[[Judged, Floats], float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over folds: folds, and images within them, are resampled."""
    rng = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES):
        drawn = [folds[int(index)] for index in rng.integers(len(folds), size=len(folds))]
        rows = []
        for fold in drawn:
            count = len(fold.right)
            rows.append(value(fold, fold.accuracy(rng.multinomial(count, np.full(count, 1 / count)).astype(float))))
        means.append(mean_known(rows))
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


def mean_known(values: Sequence[float]) -> float:
    """Return the mean of the values that are numbers; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def show(title: str, folds: Sequence[Judged], notes: bool = False) -> None:
    """Print a line for each way: correlations and regrets, means over the folds."""
    heads = sum(fold.right.shape[1] for fold in folds)
    print(f"\n{title}: {heads} heads, {sum(int(fold.eligible.sum()) for fold in folds)} eligible")
    print(f"{'':<17}{'rho accuracy':>22}{'rho mAP':>9}{'regret accuracy':>24}{'labels bring':>14}{'regret mAP':>12}")
    for way in folds[0].choices:
        rho = mean_known([fold.correlation(way, fold.accuracy()) for fold in folds])
        rho_map = mean_known([fold.correlation(way, fold.map40) for fold in folds])
        regret = np.mean([fold.regret(way, fold.accuracy()) for fold in folds])
        regret_map = np.mean([fold.regret(way, fold.map40) for fold in folds])
        labels = np.mean([fold.labels_bring(way) for fold in folds])
        known = not np.isnan(rho)
        low, high = interval(folds, lambda fold, truth: fold.correlation(way, truth)) if known else (rho, rho)  # noqa: B023
        least, most = interval(folds, lambda fold, truth: fold.regret(way, truth))  # noqa: B023
        correlation = f"{rho:+.2f} ({low:+.2f} to {high:+.2f})" if known else ""
        print(
            f"{way:<17}{correlation:>22}{f'{rho_map:+.2f}' if known else '':>9}"
            f"{f'{regret:.3f} ({least:.3f} to {most:.3f})':>24}{labels:>14.3f}{regret_map:>12.3f}"
            f"{'  ' + folds[0].choices[way].note if notes else ''}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, nargs="+", default=[Path("build")])
    parser.add_argument("--frozen", nargs="*", default=[], help="folds that a score was made up on, as printed")
    arguments = parser.parse_args()
    dataset = DataSet.load(arguments.data)
    folds = [
        judge(f"{build}/{folder.name}", folder, dataset)
        for build in arguments.build
        for folder in sorted((build / "selection").iterdir())
        if (folder / "selection.json").is_file()
    ]
    for fold in folds:
        show(fold.name, [fold], notes=True)
    if len(folds) > 1:
        show(f"all {len(folds)} folds", folds)
    others = [fold for fold in folds if fold.name not in arguments.frozen]
    if arguments.frozen and others:
        show(f"the {len(others)} folds on which no score was made up", others)


if __name__ == "__main__":
    main()
