"""How well panels are found: intersection over union at probability 0.5, at each picture's own resolution.

    OMP_NUM_THREADS=1 python -m benchmarks.segmentation --data data --build build [--real DIR]

On each fold's held-out simulated site the truth is exact. Real pictures (`--real`, a folder with V-images/*_V.JPG,
T-images/*_T.JPG that came registered, draft_panel_masks/*.png of the visible frame and index.csv with each pair's
`id`, `lat` and `lon`) have drafts by a colour threshold, which hold for the infrared pictures too, up to some pixels. A
picture without panels is left out.

Real pictures are tried twice: by segmenters that saw simulations only, and by ones fine-tuned on half of the places
and tried on the other half, both ways round. Halves are west and east of the median longitude; what lies within one
footprint of the half that is tried is not learnt from.
"""

import argparse
import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import ALL, DataSet, Site, read_infrared, read_panel_mask, read_visible
from ddlivm.parameters import BackgroundRemoval, load_parameters
from ddlivm.segmentation import Segmenter, load_segmenter
from ddlivm.segmentation.examples import Examples, prepare, rasterise
from ddlivm.segmentation.images import Image
from ddlivm.segmentation.training import fine_tune

METRES_PER_DEGREE = 111_320.0
FOOTPRINT = 40.0
"""Metres along the longer side of a picture."""
MODALITIES = ("visible", "infrared")
FINE_TUNING = {"epochs": 30, "batch_size": 4, "images_at_once": 4, "learning_rate": 2e-3}
"""What differs from the stage's own training."""


@dataclass(frozen=True)
class Place:
    """A real pair, and where it was taken.

    Attributes:
        images: by modality.
        mask: (H, W) bool, the draft.
        metres: east and north of the equator's zero.
    """

    images: dict[str, Image]
    mask: npt.NDArray[np.bool_]
    metres: npt.NDArray[np.float64]


def read_places(folder: Path) -> list[Place]:
    """Read the real pairs that show panels, from west to east."""
    places = []
    with (folder / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = f"DJI_{row['id']}"
            visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
            images: dict[str, Image] = {
                "visible": visible,
                "infrared": read_infrared(folder / "T-images" / f"{name}_T.JPG").values,
            }
            mask = read_panel_mask(folder / "draft_panel_masks" / f"{name}.png", (visible.shape[1], visible.shape[0]))
            # One cosine for all: a plant is small, and a place's own would turn its latitude into metres to the east.
            east = float(row["lon"]) * np.cos(np.radians(round(float(row["lat"]), 1)))
            metres = METRES_PER_DEGREE * np.array([east, float(row["lat"])])
            places.append(Place(images, mask > 0.5, metres))
    return sorted((place for place in places if place.mask.any()), key=lambda place: place.metres[0])


def apart(places: list[Place], others: list[Place]) -> list[Place]:
    """Return the places that are a footprint or more from all others."""
    return [
        place for place in places if all(np.linalg.norm(place.metres - other.metres) >= FOOTPRINT for other in others)
    ]


def real_ious(segmenter: Segmenter, places: list[Place], modality: str) -> list[float]:
    """Return each picture's IoU with its draft."""
    return [_iou(segmenter.panel_probability(place.images[modality]), place.mask) for place in places]


def simulated_ious(segmenter: Segmenter, site: Site, modality: str) -> list[float]:
    """Return each picture's IoU with the exact truth."""
    scores = []
    for pair in site.pairs:
        image = pair.read_visible() if modality == "visible" else pair.read_infrared().values
        size = (image.shape[1], image.shape[0])
        truth = rasterise(site.labels[pair.name].panels[modality], size, size) > 0.5
        scores.append(_iou(segmenter.panel_probability(image), truth))
    return scores


def _iou(probability: npt.NDArray[np.float32], truth: npt.NDArray[np.bool_]) -> float:
    predicted = probability > 0.5
    union = int((predicted | truth).sum())
    return float((predicted & truth).sum() / union) if union else 1.0


def tuned(segmenter: Segmenter, places: list[Place], parameters: BackgroundRemoval) -> Segmenter:
    """Fine-tune a segmenter on both modalities of some places; every fifth chooses the epoch."""
    size = segmenter.input_size
    pixels = np.stack(
        [
            prepare(place.images[modality], place.mask.astype(np.float32), size)
            for place in places
            for modality in MODALITIES
        ]
    )
    infrared = np.arange(len(pixels)) % 2 == 1
    examples = Examples(pixels, np.arange(len(pixels)), infrared, infrared.astype(np.int64))
    aside = np.arange(len(pixels)) // 2 % 5 == 4
    with tempfile.TemporaryDirectory() as work:
        fine_tune(
            segmenter.network,
            examples.select(np.flatnonzero(~aside)),
            examples.select(np.flatnonzero(aside)),
            parameters,
            "fine-tuning",
            Path(work),
        )
    return Segmenter(segmenter.network, size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--real", type=Path, help="a folder of registered real pairs with draft masks")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    dataset = DataSet.load(arguments.data)
    folders = sorted(path for path in (arguments.build / "segmenter").iterdir() if path.is_dir())
    print(f"{'fold':<8}{'pictures':<48}{'number':>7}{'mean IoU':>10}{'median':>8}{'worst':>8}")
    for folder in folders:
        for modality in MODALITIES if folder.name != ALL else ():
            scores = simulated_ious(load_segmenter(folder), dataset.site(folder.name), modality)
            row(folder.name, f"simulated, {modality}", scores)
    if not arguments.real:
        return
    places = read_places(arguments.real)
    halves = {"west": places[: len(places) // 2], "east": places[len(places) // 2 :]}
    for folder in folders:
        for half, tried in halves.items():
            for modality in MODALITIES:
                scores = real_ious(load_segmenter(folder), tried, modality)
                row(folder.name, f"real {half}, {modality}, simulation only", scores)
    folder = folders[0]
    parameters = load_parameters(Path("params.yaml")).background_removal.model_copy(update=FINE_TUNING)
    for half, other in (("west", "east"), ("east", "west")):
        learnt = apart(halves[other], halves[half])
        segmenter = tuned(load_segmenter(folder), learnt, parameters)
        for modality in MODALITIES:
            what = f"real {half}, {modality}, fine-tuned on {len(learnt)} {other}"
            row(folder.name, what, real_ious(segmenter, halves[half], modality))


def row(fold: str, pictures: str, scores: list[float]) -> None:
    print(
        f"{fold:<8}{pictures:<48}{len(scores):>7}{np.mean(scores):>10.3f}{np.median(scores):>8.3f}{min(scores):>8.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
