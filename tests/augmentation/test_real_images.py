"""Diffusion on real temperatures, and contours in the draft boxes of real pairs."""

import json
from pathlib import Path

import cv2
import flyr
import numpy as np
import numpy.typing as npt
import pytest

from ddlivm.augmentation.contours import ContourFinder, ThresholdContours
from ddlivm.augmentation.diffusion import Kernel, heat_hotspots
from ddlivm.augmentation.sam import SamContours
from ddlivm.augmentation.stage import augment_site
from ddlivm.data import DataSet, read_infrared
from ddlivm.evaluation.series_picture import write_series_pictures
from tests.augmentation.sites import Labelled, write_images
from tests.augmentation.test_sam import tiny_sam
from tests.augmentation.test_stage import PARAMETERS
from tests.real_data import real_data

SENSOR = (-40.0, 150.0)
MARGIN = 3
GAP = 8
"""White pixels between the pictures of a sheet."""
FILES = ("rentadrone_example_flir.jpg", "xt2_india_DJI_0002_R.JPG", "xt2_india_DJI_0257_R.JPG")


def hotspots(celsius: npt.NDArray[np.float32], most: int = 4) -> list[npt.NDArray[np.bool_]]:
    """Return boxes, as a label would have them, around the largest regions that are hot for where they are."""
    excess = celsius - cv2.blur(celsius, (41, 41))
    hot = (excess > np.percentile(excess, 99.5)).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
    boxes = [row[:4] for row in statistics[np.argsort(-statistics[:, cv2.CC_STAT_AREA])] if 4 <= max(row[2:4]) <= 40]
    masks = []
    for x, y, width, height in boxes[:most]:
        mask = np.zeros(celsius.shape, dtype=bool)
        mask[max(y - MARGIN, 0) : y + height + MARGIN, max(x - MARGIN, 0) : x + width + MARGIN] = True
        masks.append(mask)
    return masks


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_real_hotspots_stay_in_the_physical_range_and_spread_like_heat(name: str, sigma: float) -> None:
    celsius = flyr.unpack(str(real_data("ir_radiometric") / name)).celsius.astype(np.float32)
    masks = hotspots(celsius)
    assert len(masks) >= 2
    printed = heat_hotspots(celsius, masks, Kernel(), sigma, 5, SENSOR)
    conserved = heat_hotspots(celsius, masks, Kernel(conservative=True), sigma, 5, SENSOR)
    assert sorted(index for heating in printed for index in heating.hotspots) == list(range(len(masks)))
    for heating, spread in zip(printed, conserved, strict=True):
        x0, y0, x1, y1 = heating.box
        before = celsius[y0:y1, x0:x1]
        series = before + heating.changes
        assert np.isfinite(series).all()
        assert SENSOR[0] <= series.min() <= series.max() <= SENSOR[1]
        # No step gives the peak more than irradiance does, and none of the surroundings cools.
        excess = before.max() - before.min()
        assert (series.max(axis=(1, 2)) - before.min() <= excess * (1 + sigma) ** np.arange(1, 6) + 1e-3).all()
        outside = ~np.logical_or.reduce(masks)[y0:y1, x0:x1]
        assert heating.changes[:, outside].min() >= -1e-4
        # Spreading alone takes from the hotspot, gives to what is around it, and keeps the sum.
        taken = spread.changes[:, ~outside]
        given = spread.changes[:, outside]
        assert (taken.sum(axis=1) < 0).all()
        assert given.min() >= -1e-4
        np.testing.assert_allclose(taken.sum(axis=1), -given.sum(axis=1), rtol=1e-3)


def test_a_contact_sheet_shows_real_hotspots_growing(tmp_path: Path) -> None:
    images: dict[str, Labelled] = {}
    for name in FILES:
        celsius = flyr.unpack(str(real_data("ir_radiometric") / name)).celsius.astype(np.float32)
        boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in hotspots(celsius)]
        images[Path(name).stem] = celsius, [(x, y, x + width, y + height, "dirty") for x, y, width, height in boxes]
    data = write_images(tmp_path / "data", images)
    for sigma in (0.1, 0.3):
        out = tmp_path / f"{sigma}"
        (out / "series").mkdir(parents=True)
        augment_site(data, "site1", PARAMETERS.model_copy(update={"diffusivity": (sigma, sigma)}), out / "series")
        (picture,) = write_series_pictures(DataSet.load(data), [out / "series"], ["site1"], out)
        assert f"σ = {sigma:.2f}" in picture.caption
        sheet = cv2.imread(str(out / picture.file), cv2.IMREAD_GRAYSCALE)
        assert sheet is not None
        pictures = np.split(np.pad(sheet, ((0, 0), (0, GAP)), constant_values=255), PARAMETERS.iterations + 1, axis=1)
        assert all(np.diff([picture.mean() for picture in pictures]) > 0), "it glows more with each iteration"


@pytest.mark.parametrize("finder", [ThresholdContours(), SamContours(tiny_sam())], ids=["threshold", "tiny SAM"])
def test_draft_boxes_of_real_pairs_get_contours(finder: ContourFinder) -> None:
    folder = real_data("pv_pairs_xt2")
    content = json.loads((folder / "draft_boxes.coco.json").read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    by_image: dict[int, list[list[float]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation["bbox"])
    count = 0
    for image, rows in list(by_image.items())[:4]:
        values = read_infrared(next(folder.rglob(names[image].rsplit("/", 1)[-1]))).values
        boxes = np.array(rows, np.float32)
        boxes[:, 2:] += boxes[:, :2]
        contours = finder.find(values, boxes)
        assert len(contours) == len(boxes)
        for box, contour in zip(boxes, contours, strict=True):
            x0, y0, x1, y1 = contour.box
            assert contour.mask.shape == (y1 - y0, x1 - x0)
            assert abs(np.array(contour.box) - box).max() <= 1
            assert 0 < contour.area_share <= 1
            assert 0 < contour.perimeter_share < 3
        count += len(contours)
    assert count >= 10
