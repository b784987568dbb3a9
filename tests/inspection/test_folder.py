from pathlib import Path

import cv2
import numpy as np
import pytest

from ddlivm.data import DataSet
from ddlivm.errors import InputError
from ddlivm.inspection.folder import find_pairs
from tests.evaluation.conftest import make_data

GREY = np.full((8, 10), 90, np.uint8)


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".jpg" if path.suffix.lower() in (".jpg", ".jpeg") else path.suffix.lower(), GREY)
    assert done
    path.write_bytes(data.tobytes())
    return path


@pytest.mark.parametrize(
    ("files", "rule", "pairs"),
    [
        (["infrared/a.png", "visible/a.jpg", "infrared/b.png", "visible/b.jpg"], None, ["a", "b"]),
        (["Infrared/a_T.JPG", "Visible/a_V.JPG"], None, ["a"]),
        (["T-images/DJI_1_T.JPG", "V-images/DJI_1_V.JPG"], None, ["DJI_1"]),
        (["DJI_1_T.JPG", "DJI_1_V.JPG", "DJI_2_T.JPG", "DJI_2_V.JPG"], None, ["DJI_1", "DJI_2"]),
        (["DJI_0001_R.JPG", "DJI_0001_V.jpg"], None, ["DJI_0001"]),
        (["x_t.tif", "x_v.png"], None, ["x"]),
        (["7_IR.jpg", "7_RGB.jpg", "7_ZOOM.jpg"], "{id}_IR.jpg,{id}_RGB.jpg", ["7"]),
        (["warm/p7.TIF", "light/p7.png"], "warm/p{id}.tif, light/p{id}.png", ["7"]),
        (["7.jpg", "7_V.jpg", "8.jpg", "8_V.jpg"], "{id}.jpg,{id}_V.jpg", ["7", "8"]),
        (["a.b+c_IR.jpg", "a.b+c_RGB.jpg"], "{id}_IR.jpg,{id}_RGB.jpg", ["a.b+c"]),
    ],
)
def test_pairs_are_found_by_folder_by_ending_and_by_rule(
    tmp_path: Path, files: list[str], rule: str | None, pairs: list[str]
):
    for name in files:
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image, and not said to be one")
    found = find_pairs(tmp_path, rule)
    assert [pair.name for pair in found.pairs] == pairs
    assert found.rejected == ()
    for pair in found.pairs:
        assert pair.infrared_path != pair.visible_path
        assert {pair.infrared_path.exists(), pair.visible_path.exists()} == {True}
    first = found.pairs[0]
    assert first.infrared_path.samefile(tmp_path / files[0])
    assert first.visible_path.samefile(tmp_path / files[1])


def test_each_image_that_is_in_no_pair_is_one_line_with_the_reason_that_says_most(tmp_path: Path):
    for name in ("1_T.JPG", "1_V.JPG", "2_T.JPG", "3_V.JPG", "overview.jpg", "1_T.png"):
        write(tmp_path / name)
    (tmp_path / "4_T.JPG").write_bytes(b"")
    found = find_pairs(tmp_path)
    assert [pair.name for pair in found.pairs] == ["1"]
    reasons = {entry.path.name: entry.reason for entry in found.rejected}
    assert set(reasons) == {"2_T.JPG", "3_V.JPG", "4_T.JPG", "overview.jpg", "1_T.png"}
    assert "has no visible partner" in reasons["2_T.JPG"]
    assert "has no infrared partner" in reasons["3_V.JPG"]
    assert "is empty (0 bytes)" in reasons["4_T.JPG"]
    assert "does not end in _T, _R or _V" in reasons["overview.jpg"]
    assert "pair 1 has 1_T.JPG already" in reasons["1_T.png"]
    assert all(str(entry.path) in entry.reason and "\n" not in entry.reason for entry in found.rejected)


@pytest.mark.parametrize("rule", ["{id}_T.jpg", "{id}_T.jpg,V.jpg", "{id}.jpg,{ID}.jpg", "{id}.jpg,{id}.JPG", "a,b,c"])
def test_a_rule_that_is_none_is_refused(tmp_path: Path, rule: str):
    with pytest.raises(InputError, match="expected two different names"):
        find_pairs(tmp_path, rule)


def test_a_folder_without_images_or_no_folder_is_one_line(tmp_path: Path):
    with pytest.raises(InputError, match="no such folder"):
        find_pairs(tmp_path / "nowhere")
    with pytest.raises(InputError, match="has no images in infrared/"):
        find_pairs(tmp_path)
    write(tmp_path / "1_T.JPG")
    with pytest.raises(InputError, match="has no images named"):
        find_pairs(tmp_path, "{id}_IR.jpg,{id}_RGB.jpg")


def test_a_plant_of_a_data_set_keeps_its_temperature_scale(tmp_path: Path):
    data = make_data(tmp_path / "data", ("site1",), 1)
    (pair,) = find_pairs(data / "site1").pairs
    assert pair == DataSet.load(data).site("site1").pairs[0]
    assert pair.read_infrared().radiometric
