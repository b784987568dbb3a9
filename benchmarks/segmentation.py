"""How well panels are found: intersection over union at probability 0.5, on plants that the segmenter never saw.

    python -m benchmarks.segmentation --data data --build build [--real DIR]

On each fold's held-out simulated site the truth is exact. Real pictures (`--real`, a folder with V-images/*_V.JPG,
T-images/*_T.JPG that came registered, and draft_panel_masks/*.png of the visible frame) have drafts by a colour
threshold; nothing was trained on them, and a picture without panels is left out. The drafts hold for the infrared
pictures too, up to some pixels.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import ALL, DataSet, read_infrared, read_visible
from ddlivm.segmentation import Segmenter, load_segmenter
from ddlivm.segmentation.examples import load_examples
from ddlivm.segmentation.images import Image
from ddlivm.segmentation.stage import mean_iou


def real_ious(folder: Path, segmenter: Segmenter) -> dict[str, list[float]]:
    """Return each picture's IoU with its draft, by modality."""
    scores: dict[str, list[float]] = {"visible": [], "infrared": []}
    for path in sorted((folder / "draft_panel_masks").iterdir()):
        truth = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) > 0
        visible = read_visible(folder / "V-images" / f"{path.stem}_V.JPG")
        infrared = read_infrared(folder / "T-images" / f"{path.stem}_T.JPG").values
        if not truth.any():
            continue  # a picture of the ground beside the plant: there is no panel to overlap with
        images: dict[str, Image] = {"visible": visible, "infrared": infrared}
        for modality, image in images.items():
            scores[modality].append(_iou(segmenter.panel_probability(image) > 0.5, truth))
    return scores


def _iou(predicted: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float((predicted & truth).sum() / max((predicted | truth).sum(), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--real", type=Path, help="a folder of registered real pairs with draft masks")
    arguments = parser.parse_args()
    dataset = DataSet.load(arguments.data)
    print(f"{'fold':<8}{'pictures':<22}{'number':>7}{'mean IoU':>10}{'worst':>8}")
    for folder in sorted(path for path in (arguments.build / "segmenter").iterdir() if path.is_dir()):
        segmenter = load_segmenter(folder)
        if folder.name != ALL:
            examples = load_examples([dataset.site(folder.name)], segmenter.input_size, 2)
            for modality in ("visible", "infrared"):
                scores = [mean_iou(segmenter, [each]) for each in examples if each.infrared == (modality == "infrared")]
                row(folder.name, f"simulated, {modality}", scores)
        if arguments.real:
            for modality, scores in real_ious(arguments.real, segmenter).items():
                row(folder.name, f"real, {modality}", scores)


def row(fold: str, pictures: str, scores: list[float]) -> None:
    print(f"{fold:<8}{pictures:<22}{len(scores):>7}{np.mean(scores):>10.3f}{min(scores):>8.3f}", flush=True)


if __name__ == "__main__":
    main()
