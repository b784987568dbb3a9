import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ddlivm.data import DataSet, Site
from ddlivm.errors import InputError
from tests.evaluation.conftest import make_data

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data", ("site1", "site2"), 2)


def message(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        act()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_sites_and_pairs_come_from_files_and_not_from_labels(data: Path):
    (data / "site1" / "annotations.json").unlink()
    data_set = DataSet.load(data)
    assert list(data_set.sites) == ["site1", "site2"]
    pairs = data_set.site("site1").pairs
    assert [pair.name for pair in pairs] == ["0000", "0001"]
    assert pairs[0].key == "site1/0000"
    assert pairs[0].read_infrared().values.shape == (256, 320)
    assert pairs[0].read_visible().shape == (400, 520, 3)
    assert "annotations.json: cannot be read" in message(lambda: data_set.site("site1").labels)


def test_labels_are_read_as_written(data: Path):
    path = data / "site1" / "annotations.json"
    content = json.loads(path.read_text())
    first = content["images"][0]["id"]
    content["categories"] = [{"id": 40, "name": "dust"}, {"id": 7, "name": "diode_failure"}]
    content["annotations"] = [
        {"id": 5, "image_id": first, "category_id": 40, "bbox": [10, 20, 30, 40], "area": 1200, "iscrowd": 0},
        {
            "id": 9,
            "image_id": first,
            "category_id": 7,
            "bbox": [1, 2, 3, 4],
            "segmentation": [[1, 2, 4, 2, 4, 6]],
        },
    ]
    content["panels"] = [{"image_id": first, "modality": "visible", "polygons": [[0, 0, 9, 0, 9, 9, 0, 9]]}]
    path.write_text(json.dumps(content))
    labels = DataSet.load(data).site("site1").labels
    found = labels["0000"]
    np.testing.assert_array_equal(found.defects.boxes, [(10, 20, 40, 60), (1, 2, 4, 6)])
    assert found.defects.classes.tolist() == [3, 9]  # the taxonomy's, whatever ids the file uses
    assert found.ids.tolist() == [5, 9]
    assert found.polygons[0] is None
    np.testing.assert_array_equal(found.polygons[1], [(1, 2), (4, 2), (4, 6)])
    assert [points.tolist() for points in found.outlines] == [
        [[10, 20], [40, 20], [40, 60], [10, 60]],
        [[1, 2], [4, 2], [4, 6]],
    ]
    np.testing.assert_array_equal(found.panels["visible"][0], [(0, 0), (9, 0), (9, 9), (0, 9)])
    assert found.size == (320, 256)
    assert len(labels["0001"].defects) == 0


def test_boxes_of_the_category_panel_are_panels_and_no_defects(data: Path):
    path = data / "site1" / "annotations.json"
    content = json.loads(path.read_text())
    content["categories"] = [{"id": 1, "name": "dust"}, {"id": 2, "name": "panel"}]
    content["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 20, 30, 40]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [11, 21, 3, 4]},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [50, 60, 7, 8], "modality": "visible"},
    ]
    content.pop("panels", None)
    path.write_text(json.dumps(content))
    found = DataSet.load(data).site("site1").labels["0000"]
    assert found.ids.tolist() == [2]
    assert len(found.polygons) == 1
    assert {modality: len(outlines) for modality, outlines in found.panels.items()} == {"infrared": 1, "visible": 1}
    np.testing.assert_array_equal(found.panels["infrared"][0], [(10, 20), (40, 20), (40, 60), (10, 60)])
    np.testing.assert_array_equal(found.panels["visible"][0], [(50, 60), (57, 60), (57, 68), (50, 68)])


def test_a_folder_that_is_no_data_set_says_how_to_make_one(tmp_path: Path):
    text = message(lambda: DataSet.load(tmp_path))
    assert "no sites.yaml" in text
    assert f"ddlivm simulate --out {tmp_path}" in text


def test_an_unknown_site_is_named_with_those_there_are(data: Path):
    data_set = DataSet.load(data)
    assert "'site9' is not in the data" in message(lambda: data_set.site("site9"))
    assert "it has site1, site2" in message(lambda: data_set.site("site9"))
    assert "'site9' named in params.yaml" in message(lambda: data_set.fold("site9", ("site1",)))
    assert "'site9' named in params.yaml" in message(lambda: data_set.fold("all", ("site9",)))


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        (None, "every site needs id, name and station"),
        ("site1", "every site needs"),
        ([{"id": "site1", "name": "#1"}], "every site needs"),
        ([["site1", "#1", "A"]], "every site needs"),
        ([{"id": "site1", "name": "#1", "station": "A"}] * 2, "a site id is listed twice"),
        ([{"id": "../site1", "name": "#1", "station": "A"}], "cannot be a folder's name"),
        ([{"id": "", "name": "#1", "station": "A"}], "cannot be a folder's name"),
        ([{"id": "all", "name": "#1", "station": "A"}], "`all` is a fold"),
        ([{"id": "site1", "name": "#1", "station": "A", "temperature_scale": {"gain": 1}}], "'offset'"),
        ([{"id": "site1", "name": "#1", "station": "A", "temperature_scale": "kelvin"}], "every site needs"),
    ],
)
def test_a_wrong_sites_yaml_is_one_line(tmp_path: Path, entries: object, problem: str):
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(entries))
    text = message(lambda: DataSet.load(tmp_path))
    assert "sites.yaml" in text
    assert problem in text


def test_what_else_is_known_of_a_site_is_kept(tmp_path: Path):
    (tmp_path / "sites.yaml").write_text("[{id: a, name: A, station: s, simulated: true, altitude_m: 40}]")
    site = DataSet.load(tmp_path).site("a")
    assert site.facts == {"simulated": True, "altitude_m": 40}
    assert site.temperature_scale is None


def test_an_empty_site_and_an_image_without_partner_are_one_line(data: Path):
    site = DataSet.load(data).site("site1")
    (site.folder / "visible" / "0001.jpg").unlink()
    assert "0001.png: has no visible partner '0001'" in message(lambda: DataSet.load(data).site("site1").pairs)
    (site.folder / "visible" / "0001.jpg").write_bytes(b"x")
    (site.folder / "infrared" / "0001.png").unlink()
    assert "0001.jpg: has no infrared partner '0001'" in message(lambda: DataSet.load(data).site("site1").pairs)
    empty = Site("site3", "#3", "C", data / "site3", None, {})
    assert "site 'site3' has no images" in message(lambda: empty.pairs)


def test_other_files_are_not_taken_for_images(data: Path):
    (data / "site1" / "infrared" / "notes.txt").write_text("hot")
    (data / "site1" / "infrared" / ".DS_Store").write_bytes(b"\0")
    assert len(DataSet.load(data).site("site1").pairs) == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c["categories"][0].update(name="hail"), "'hail' is unknown; the taxonomy has grass_tree"),
        (lambda c: c["annotations"][0].update(image_id=77), "annotation 1 names image 77, not listed"),
        (lambda c: c["annotations"][0].update(category_id=77), "annotation 1 has unknown category 77"),
        (lambda c: c["annotations"][0].update(bbox=[1, 2, 3]), "is not a COCO annotation file as expected"),
        (lambda c: c["annotations"][0].update(bbox="all"), "is not a COCO annotation file as expected"),
        (lambda c: c["annotations"][0].pop("bbox"), "'bbox'"),
        (lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3]]), "annotation 1: an outline has 3 numbers"),
        (lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3, 4]]), "annotation 1: an outline has 4 numbers"),
        (lambda c: c["annotations"][0].update(segmentation=[["a"] * 6]), "annotation 1: an outline is no list of numb"),
        (
            lambda c: c["annotations"][0].update(segmentation={"counts": ""}),
            "annotation 1: its segmentation is no list",
        ),
        (lambda c: c["images"][0].pop("file_name"), "'file_name'"),
        (lambda c: c.pop("categories"), "'categories'"),
        (
            lambda c: c.update(panels=[{"image_id": 1, "modality": "visible", "polygons": [[1, 2, 3]]}]),
            "image 1: an outline has 3",
        ),
        (lambda c: c.update(panels=None), "is not a COCO annotation file as expected"),
    ],
)
def test_wrong_labels_are_one_line(data: Path, change: Change, problem: str):
    path = data / "site1" / "annotations.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    text = message(lambda: DataSet.load(data).site("site1").labels)
    assert problem in text
    assert str(path) in text


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "null", '"labels"', "\udcff"])
def test_labels_that_are_no_labels_are_one_line(data: Path, text: str):
    path = data / "site1" / "annotations.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert str(path) in message(lambda: DataSet.load(data).site("site1").labels)
