import csv
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ddlivm.cli import main
from ddlivm.data.calibration import Calibration
from ddlivm.errors import InputError
from ddlivm.files import read_json
from ddlivm.inspection.command import predict
from ddlivm.inspection.inspector import Inspector
from ddlivm.inspection.model import ShippedModel
from tests.inspection.plants import SPOT, make_inspector, write_pair
from tests.registry.parts import make_parts


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from tests.inspection.test_model import build

    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: make_inspector()))
    return build(make_parts(tmp_path / "parts"), tmp_path / "model").folder


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A flat folder of three good pairs and the four ways that a file goes bad."""
    folder = tmp_path / "plant"
    for number, spots in ((1, 0), (2, 1), (3, 2)):
        write_pair(folder / f"DJI_{number}_T.JPG", folder / f"DJI_{number}_V.JPG", spots, gps=number > 1)
    for number in (4, 5, 6, 7):
        write_pair(folder / f"DJI_{number}_T.JPG", folder / f"DJI_{number}_V.JPG")
    whole = (folder / "DJI_4_T.JPG").read_bytes()
    (folder / "DJI_4_T.JPG").write_bytes(whole[: len(whole) // 2])
    (folder / "DJI_5_V.JPG").write_bytes(b"")
    (folder / "DJI_6_T.JPG").write_text("A text file that somebody renamed.")
    (folder / "DJI_7_V.JPG").unlink()
    return folder


def run(capsys: pytest.CaptureFixture[str], work: Callable[[], None]) -> tuple[str, list[str]]:
    work()
    captured = capsys.readouterr()
    return captured.out, captured.err.splitlines()


def test_good_pairs_are_inspected_and_each_bad_file_is_one_line(
    plant: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    text, lines = run(capsys, lambda: predict(plant, model, out, None, 0.3, "default"))
    assert len(lines) == 4
    for name, reason in (
        ("DJI_4_T.JPG", "truncated JPEG"),
        ("DJI_5_V.JPG", "0 bytes"),
        ("DJI_6_T.JPG", "is not an image"),
        ("DJI_7_T.JPG", "has no visible partner"),
    ):
        assert sum(name in line and reason in line for line in lines) == 1, lines
    assert "3 pairs inspected, 4 files left out" in text
    assert sorted(path.name for path in out.iterdir()) == [
        "annotated", "detections.coco.json", "detections.csv", "report.html", "summary.json",
    ]  # fmt: skip
    summary = read_json(out / "summary.json")
    assert (summary["pairs"], summary["pairs_with_detections"], summary["detections"]) == (3, 2, 3)
    assert summary["by_type"] == {"dust": 3}
    assert (summary["head"], summary["head_choice"], summary["transductive"]) == ("fcos-004", "default", False)
    assert summary["model"]["content_hash"] == ShippedModel.load(model).card.content_hash
    assert summary["alignment"]["pair_flags"] == {"site_fallback": 1}
    assert [entry["file"] for entry in summary["rejected"]] == [
        "DJI_7_T.JPG",
        "DJI_4_T.JPG",
        "DJI_5_V.JPG",
        "DJI_6_T.JPG",
    ]


def test_boxes_are_in_raw_infrared_pixels_and_carry_the_place(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    with (out / "detections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pair"] for row in rows] == ["DJI_2", "DJI_3", "DJI_3"]
    assert [float(rows[0][key]) for key in ("x0", "y0", "x1", "y1")] == pytest.approx(SPOT, abs=2)
    assert float(rows[1]["score"]) >= float(rows[2]["score"])
    assert (float(rows[0]["latitude"]), float(rows[0]["longitude"])) == pytest.approx((37.2461667, -93.167), abs=1e-6)

    coco = read_json(out / "detections.coco.json")
    assert [image["file_name"] for image in coco["images"]] == ["DJI_1_T.JPG", "DJI_2_T.JPG", "DJI_3_T.JPG"]
    assert "latitude" not in coco["images"][0]
    first = coco["annotations"][0]
    x, y, width, height = first["bbox"]
    assert (x, y, x + width, y + height) == pytest.approx(
        tuple(float(rows[0][key]) for key in ("x0", "y0", "x1", "y1"))
    )
    assert coco["categories"][first["category_id"] - 1]["name"] == "dust"
    assert [entry["id"] for entry in coco["annotations"]] == [1, 2, 3]


def test_the_pictures_show_the_box_on_both_images(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    clean, found = (cv2.imread(str(out / "annotated" / f"DJI_{number}.jpg")) for number in (1, 2))
    assert clean is not None
    assert found is not None
    assert found.shape == (256, 2 * 320 + 8, 3)
    changed = np.abs(found.astype(int) - clean).max(axis=2) > 60
    x, y = int((SPOT[0] + SPOT[2]) / 2), int(SPOT[1]) - 1
    assert changed[y - 1 : y + 3, x].any()
    assert changed[y - 1 : y + 3, x + 320 + 8].any()
    assert (found[:8, 328 + 20 : 328 + 300] > 240).all()  # the visible camera does not look that high


def test_the_report_needs_nothing_else_and_says_what_matters(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:|annotated/|#)', page)
    assert page.count('src="data:image/jpeg;base64,') == 2
    for text in (
        "truncated JPEG",
        "has no visible partner",
        "site fallback",
        ShippedModel.load(model).card.content_hash,
    ):
        assert text in page
    assert "transductive" not in page
    assert 'class="map"' not in page  # all pairs were taken at one place


def test_what_lies_beside_the_panels_is_left_out_and_counted(
    plant: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    predict(plant, model, tmp_path / "all", None, 0.3, "default")
    found = read_json(tmp_path / "all" / "summary.json")
    bare = make_inspector(panels=no_panels)
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: bare))
    predict(plant, model, tmp_path / "none", None, 0.3, "default")
    beside = read_json(tmp_path / "none" / "summary.json")
    assert found["off_panels"] == 0 < found["detections"]
    assert (beside["off_panels"], beside["detections"]) == (found["detections"], 0)
    page = (tmp_path / "none" / "report.html").read_text(encoding="utf-8")
    assert f"{found['detections']} detections beside the panels" in page


def test_a_head_can_be_selected_on_the_pairs_and_is_then_said_to_be(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "select")
    summary = read_json(out / "summary.json")
    assert summary["head_choice"] == "selected"
    assert summary["transductive"] is True
    heads = {entry["head"]: entry for entry in summary["heads"]}
    low, high = heads["fcos-004"]["spread"]
    assert 0 <= low <= heads["fcos-004"]["score"] <= high <= 1
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "transductive" in page
    assert "mask_rcnn-004" in page


def test_a_named_head_and_the_score_are_obeyed(plant: Path, model: Path, tmp_path: Path):
    predict(plant, model, tmp_path / "a", None, 0.3, "mask_rcnn-004")
    predict(plant, model, tmp_path / "b", None, 0.1, "mask_rcnn-004")
    assert read_json(tmp_path / "a" / "summary.json")["detections"] == 0
    assert read_json(tmp_path / "b" / "summary.json")["detections"] == 3
    with pytest.raises(
        InputError, match="head 'fcos-9' is not in the model; expected one of default, select, fcos-002"
    ):
        predict(plant, model, tmp_path / "c", None, 0.3, "fcos-9")


def test_without_a_score_the_threshold_that_ships_with_the_head_holds(
    plant: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calibrated = make_inspector(calibrations={"fcos-004": Calibration(0.55)})  # the spots' scores are 0.5 and 0.6
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: calibrated))
    for head, threshold, detections in (("default", 0.55, 1), ("fcos-002", 0.3, 3), ("mask_rcnn-004", 0.3, 0)):
        predict(plant, model, tmp_path / head, None, None, head)
        summary = read_json(tmp_path / head / "summary.json")
        assert (summary["score_threshold"], summary["detections"]) == (threshold, detections)
    bare = make_inspector(calibrations={"fcos-004": Calibration(0.55)}, panels=no_panels)
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: bare))
    predict(plant, model, tmp_path / "bare", None, None, "default")
    assert read_json(tmp_path / "bare" / "summary.json")["off_panels"] == 1


def no_panels(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return np.zeros((4, 4), np.float32)


def test_the_same_input_gives_the_same_files_also_over_an_earlier_inspection(plant: Path, model: Path, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    predict(plant, model, first, None, 0.3, "default")
    predict(plant, model, second, None, 0.1, "default")
    predict(plant, model, second, None, 0.3, "default")
    for path in first.rglob("*"):
        if path.is_file():
            assert (second / path.relative_to(first)).read_bytes() == path.read_bytes()


def test_an_output_that_is_something_else_is_never_replaced(plant: Path, model: Path, tmp_path: Path):
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1.tex").write_text("years of work")
    with pytest.raises(InputError, match="is no earlier output"):
        predict(plant, model, other, None, 0.3, "default")
    for out in (plant, tmp_path):
        with pytest.raises(InputError, match="holds the images themselves"):
            predict(plant, model, out, None, 0.3, "default")
    assert (other / "chapter1.tex").read_text() == "years of work"
    assert len(list(plant.iterdir())) == 13


def test_nothing_is_left_behind_when_no_pair_can_be_used(model: Path, tmp_path: Path):
    folder = tmp_path / "plant"
    write_pair(folder / "1_T.JPG", folder / "1_V.JPG")
    (folder / "1_T.JPG").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="no pair could be used"):
        predict(folder, model, tmp_path / "out", None, 0.3, "default")
    (folder / "1_V.JPG").unlink()
    with pytest.raises(InputError, match="has no pair that can be used"):
        predict(folder, model, tmp_path / "out", None, 0.3, "default")
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_line_answers_bad_input_with_one_line_and_status_2(
    plant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    argv = ["ddlivm", "predict", str(plant), "--model", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        f"ddlivm: {tmp_path / 'none'}: no such model directory; `make demo` leaves one at build/registration/model"
    ]
