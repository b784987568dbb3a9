import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ddlivm.data import DataSet
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation.examples import Examples, load_examples, prepare, rasterise
from tests.segmentation.panels import write_panels


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)


@pytest.mark.parametrize("size", [(40, 32), (80, 64), (20, 16)])
def test_a_rectangle_covers_its_share(size):
    raw = (160, 128)
    mask = rasterise([rectangle(16, 32, 96, 80)], raw, size)
    factor = size[0] / raw[0]
    width, height = 80 * factor, 48 * factor
    # OpenCV fills the outline too: at most a subpixel, a quarter of a pixel, on each axis.
    assert width * height <= mask.sum() <= (width + 0.25) * (height + 0.25) + 0.1
    x0, y0, x1, y1 = (round(side * factor) for side in (16, 32, 96, 80))
    np.testing.assert_array_equal(mask[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1], 1)
    outside = np.ones(mask.shape, bool)
    outside[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = False
    np.testing.assert_array_equal(mask[outside], 0)


def test_a_triangle_covers_half_of_its_box():
    mask = rasterise([np.array([(0, 0), (128, 0), (0, 128)], np.float32)], (128, 128), (64, 64))
    outline = 64 * (2 + np.sqrt(2))  # half a subpixel of it is filled too
    assert mask.sum() == pytest.approx(64 * 64 / 2, abs=outline / 8)


def test_edges_between_pixels_are_shares():
    mask = rasterise([rectangle(0, 0, 41, 32)], (64, 32), (32, 16))
    assert mask[8, 19] == 1
    assert 0.5 <= mask[8, 20] <= 0.75
    assert mask[8, 21] == 0


def test_no_outlines_no_panels_and_all_add_up():
    assert not rasterise([], (64, 64), (32, 32)).any()
    left, right = rectangle(0, 0, 20, 64), rectangle(40, 0, 64, 64)
    both = rasterise([left, right], (64, 64), (32, 32))
    np.testing.assert_array_equal(both, rasterise([left], (64, 64), (32, 32)) + rasterise([right], (64, 64), (32, 32)))


def test_outlines_that_leave_the_image_are_cut_by_it():
    mask = rasterise([rectangle(-500, -500, 32, 900)], (64, 64), (32, 32))
    np.testing.assert_array_equal(mask[:, :16], 1)
    np.testing.assert_array_equal(mask[:, 17:], 0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_panels(tmp_path_factory.mktemp("panels") / "data", pairs=2)


def load(data: Path, store: Path | None = None) -> Examples:
    return load_examples([DataSet.load(data).site("site1")], (80, 64), 1, store)


def test_both_modalities_of_every_pair_are_read_at_one_size(data: Path):
    found = load(data)
    assert found.pixels.shape == (4, 64, 80, 4)
    assert found.infrared.tolist() == [True, False, True, False]
    for index in range(4):
        mask = found.mask(index) > 0.5
        assert 0.2 < mask.mean() < 0.8
        grey = found.image(index).mean(axis=2)
        warmer = grey[mask].mean() > grey[~mask].mean()
        assert warmer == found.infrared[index]  # panels are warm in infrared and dark in visible light


def test_a_store_on_disk_holds_the_same(data: Path, tmp_path: Path):
    stored, held = load(data, tmp_path / "examples.npy"), load(data)
    assert isinstance(stored.pixels, np.memmap)
    np.testing.assert_array_equal(stored.pixels, held.pixels)
    chosen = stored.select(np.array([2, 0])).select(np.array([1]))
    assert len(chosen) == 1
    np.testing.assert_array_equal(chosen.image(0), held.image(0))


def without_outlines(data: Path, folder: Path) -> tuple[Path, dict[str, Any], list[dict[str, Any]]]:
    """Copy the data without its outlines, and return the outlines."""
    copied = shutil.copytree(data, folder)
    content = read_json(copied / "site1" / "annotations.json")
    return copied, content, content.pop("panels")


def test_boxes_of_the_category_panel_label_as_their_rectangles_do(data: Path, tmp_path: Path):
    copied, content, panels = without_outlines(data, tmp_path / "data")
    content["categories"].append({"id": 99, "name": "panel"})
    for entry in panels:
        for x0, y0, x1, _, _, y1, *_ in entry["polygons"]:
            box = {"id": len(content["annotations"]), "image_id": entry["image_id"], "category_id": 99}
            modality = {} if entry["modality"] == "infrared" else {"modality": "visible"}
            content["annotations"].append(box | modality | {"bbox": [x0, y0, x1 - x0, y1 - y0]})
    write_json(copied / "site1" / "annotations.json", content)
    np.testing.assert_array_equal(load(copied).pixels, load(data).pixels)
    assert all(len(labels.defects) == 0 for labels in DataSet.load(copied).site("site1").labels.values())


def test_masks_label_and_go_before_outlines(data: Path, tmp_path: Path):
    copied, *_ = without_outlines(data, tmp_path / "data")
    folder = copied / "site1" / "panels" / "visible"
    folder.mkdir(parents=True)
    mask = np.zeros((128, 160), np.uint8)
    mask[32:64, 40:120] = 200
    cv2.imwrite(str(folder / "p2.png"), mask)
    found = load(copied)  # the outlines are still in annotations.json
    expected = np.zeros((64, 80), np.float32)
    expected[16:32, 20:60] = 1
    np.testing.assert_array_equal(found.mask(3), expected)
    np.testing.assert_array_equal(found.pixels[:3], load(data).pixels[:3])
    content = read_json(copied / "site1" / "annotations.json")
    del content["panels"]
    write_json(copied / "site1" / "annotations.json", content)
    assert load(copied).infrared.tolist() == [False]  # only what is labelled is learnt from
    cv2.imwrite(str(folder / "p2.png"), mask[:100])
    with pytest.raises(InputError, match=r"visible/p2\.png: is 160x100, its image is 160x128"):
        load(copied)


def test_a_masks_share_survives_shrinking():
    mask = np.zeros((64, 64), np.float32)
    mask[:, :33] = 1
    found = prepare(np.zeros((64, 64, 3), np.uint8), mask, (32, 32))
    assert set(found[:, :16, 3].ravel()) == {255}
    assert set(found[:, 16, 3]) == {128}
    assert not found[:, 17:, 3].any()
