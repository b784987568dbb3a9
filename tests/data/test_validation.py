import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ddlivm.data.command import validate
from ddlivm.data.validation import validate_data
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from tests.evaluation.conftest import make_data

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data", ("site1", "site2"), 2)


def test_a_right_data_set_has_no_problems_and_is_counted(data: Path, capsys: pytest.CaptureFixture[str]):
    result = validate_data(data)
    assert result.problems == ()
    labels = [read_json(data / site / "annotations.json")["annotations"] for site in ("site1", "site2")]
    assert [(count.site, count.pairs, count.defects) for count in result.counts] == [
        ("site1", 2, len(labels[0])),
        ("site2", 2, len(labels[1])),
    ]
    validate(data, None)
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert last == ["all", "4", str(len(labels[0]) + len(labels[1])), "0"]


def box(*values: float) -> Change:
    return lambda content: content["annotations"][0].update(bbox=list(values))


def panel(**values: object) -> Change:
    """Make the first annotation a panel's."""

    def change(content: dict[str, Any]) -> None:
        content["categories"].append({"id": 50, "name": "panel"})
        content["annotations"][0].update({"category_id": 50, **values})

    return change


def polygon(*values: object) -> Change:
    return lambda content: content["annotations"][0].update(segmentation=[list(values)])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (box(300, 10, 21, 5), "annotation 1 has a box [300, 10, 21, 5] outside its image of 320x256"),
        (box(-1, 10, 21, 5), "outside its image"),
        (box(10, 10, 0, 5), "annotation 1 has an empty box"),
        (panel(bbox=[300, 10, 21, 5]), "annotation 1 has a box [300, 10, 21, 5] outside its image of 320x256"),
        (
            panel(bbox=[300, 10, 221, 5], modality="visible"),
            "annotation 1 has a box [300, 10, 221, 5] outside its image of 520x400",
        ),
        (panel(modality="x-ray"), "annotation 1: modality 'x-ray'; expected one of infrared, visible"),
        (box(10, 10, 5, float("nan")), "empty box"),
        (polygon(1, 2, 3, 4, 5), "annotation 1: an outline has 5 numbers"),
        (polygon(1, 2, 3, 4), "annotation 1: an outline has 4 numbers"),
        (polygon(1, 2, 3, 4, 5, "6"), "annotation 1: an outline is no list of numbers"),
        (polygon(1, 2, 3, 4, 321, 6), "annotation 1 has an outline outside its image of 320x256"),
        (lambda content: content["annotations"][0].update(category_id=99), "annotation 1 has unknown category 99"),
        (lambda content: content["annotations"][0].update(image_id=99), "annotation 1 names image 99, not listed"),
        (lambda content: content["annotations"][0].update(id=2), "annotations: id 2 is given twice"),
        (lambda content: content["images"][0].update(id=2), "images: id 2 is given twice"),
        (lambda content: content["images"][0].update(width=640), "image 1 is 640x256, its file is 320x256"),
        (lambda content: content["images"].pop(0), "does not list pair '0000'"),
        (lambda content: content["categories"][0].update(name="hail"), "category 'hail' is no known defect type"),
        (lambda content: content.pop("images"), "is not a COCO annotation file"),
        (
            lambda content: content["panels"].append({"image_id": 1, "modality": "x-ray", "polygons": []}),
            "modality 'x-ray'",
        ),
        (
            lambda content: content["panels"].append(
                {"image_id": 1, "modality": "visible", "polygons": [[0, 0, 5, 5]]}
            ),
            "panels of image 1: an outline has 4 numbers",
        ),
        (
            lambda content: content["panels"].append(
                {"image_id": 1, "modality": "visible", "polygons": [[0, 0, 521, 0, 5, 5]]}
            ),
            "an outline leaves the visible image of 520x400",
        ),
    ],
)
def test_a_wrong_label_is_named(data: Path, change: Change, problem: str):
    path = data / "site1" / "annotations.json"
    content = read_json(path)
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    found = validate_data(data).problems
    assert any(problem in line and str(path) in line for line in found), found
    assert all("site2" not in line and "\n" not in line for line in found)


def test_panels_are_counted_as_outlines_boxes_and_masks(data: Path):
    path = data / "site1" / "annotations.json"
    content = read_json(path)
    before = validate_data(data).counts[0]
    panel(bbox=[300, 10, 200, 5], modality="visible")(content)
    write_json(path, content)
    for modality, size in (("infrared", (256, 320)), ("visible", (400, 520))):
        (data / "site1" / "panels" / modality).mkdir(parents=True)
        cv2.imwrite(str(data / "site1" / "panels" / modality / "0001.png"), np.zeros(size, np.uint8))
    result = validate_data(data)
    assert result.problems == ()
    assert (result.counts[0].defects, result.counts[0].panels) == (before.defects - 1, before.panels + 3)


def test_a_wrong_panel_mask_is_named(data: Path):
    folder = data / "site1" / "panels"
    for name, content in {
        "infrared/0000.png": np.zeros((256, 321), np.uint8),
        "infrared/9999.png": np.zeros((256, 320), np.uint8),
        "thermal/0000.png": np.zeros((256, 320), np.uint8),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), content)
    (folder / "infrared" / "0001.png").write_bytes(b"no image")
    (folder / "infrared" / "0001.txt").write_text("notes")
    problems = [line.removeprefix(f"{folder}/") for line in validate_data(data).problems]
    expected = [
        "infrared/0000.png: is 321x256, its image is 320x256",
        "infrared/0001.png: is not an image",
        "infrared/0001.txt: is no panel mask; expected panels/infrared/<id>.png",
        "infrared/9999.png: has no pair '9999'",
        "thermal/0000.png: is no panel mask",
    ]
    assert len(problems) == len(expected)
    assert all(line.startswith(start) for line, start in zip(problems, expected, strict=True)), problems


def test_every_unusable_file_is_a_line_and_the_command_fails_with_all_of_them(data: Path):
    site = data / "site1"
    whole = (site / "visible" / "0000.jpg").read_bytes()
    (site / "visible" / "0000.jpg").write_bytes(whole[: len(whole) // 2])
    (site / "infrared" / "0001.png").write_bytes(b"")
    (site / "visible" / "0007.jpg").write_bytes(whole)
    (site / "visible" / "notes.txt").write_text("hello")
    with pytest.raises(InputError) as caught:
        validate(data, None)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("4 problems")
    for name, reason in (
        ("0000.jpg", "truncated"),
        ("0001.png", "0 bytes"),
        ("0007.jpg", "no infrared partner"),
        ("notes.txt", "no image"),
    ):
        assert sum(name in line and reason in line for line in lines) == 1


def test_an_empty_site_is_a_problem(data: Path):
    entries = read_json(data / "sites.yaml")
    write_json(data / "sites.yaml", [*entries, {"id": "site3", "name": "#3", "station": "c"}])
    assert any("site 'site3' has no images" in line for line in validate_data(data).problems)


def test_a_manifest_notices_every_change(data: Path):
    manifest = data / "manifest.sha256"
    validate(data, manifest)
    validate(data, manifest)
    cv2.imwrite(str(data / "site1" / "infrared" / "0000.png"), np.full((256, 320), 29000, np.uint16))
    (data / "site2" / "README").write_text("new")
    (data / "site1" / "visible" / "0001.jpg").unlink()
    (data / "site1" / "infrared" / "0001.png").unlink()
    with pytest.raises(InputError) as caught:
        validate(data, manifest)
    text = str(caught.value)
    assert "infrared/0000.png: differs" in text
    assert "README: is not in" in text
    assert "visible/0001.jpg: is in" in text
