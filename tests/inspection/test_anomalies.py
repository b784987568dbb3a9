import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from ddlivm.data import Detections, Transform, load_taxonomy
from ddlivm.data.panels import panels_in_infrared
from ddlivm.files import read_json
from ddlivm.inspection.anomalies import unexplained
from ddlivm.inspection.command import predict
from ddlivm.inspection.inspector import Inspector
from ddlivm.thermography import Anomalies
from tests.inspection.plants import SPOT, make_inspector, write_pair
from tests.inspection.test_model import build
from tests.registry.parts import make_parts

UNSURE = "mask_rcnn-004"
"""The head whose scores of 0.2 no threshold lets pass: it explains nothing."""
SECOND = (SPOT[0], SPOT[1] + 80, SPOT[2], SPOT[3] + 80)


def anomalies(*boxes: tuple[float, ...]) -> Anomalies:
    count = len(boxes)
    ones = np.ones(count, np.float32)
    sizes = np.ones(count, np.int64)
    return Anomalies(np.array(boxes, np.float32).reshape(-1, 4), sizes, ones, ones, ones, sizes * 0, "K")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: make_inspector()))
    return build(make_parts(tmp_path / "parts"), tmp_path / "model").folder


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Three pairs with no, one and two hot spots."""
    for spots in range(3):
        write_pair(tmp_path / "plant" / f"{spots}_T.JPG", tmp_path / "plant" / f"{spots}_V.JPG", spots, gps=spots > 0)
    return tmp_path / "plant"


@pytest.mark.parametrize(
    ("box", "explained"),
    [
        ((12, 12, 16, 16), True),  # its centre is in the detection
        ((12, 12, 15, 15), False),  # which is 11 times larger than this one, and about something else
        ((0, 0, 24, 13), False),  # IoU 30 of 382, centre outside
        ((10, 10, 32, 20), True),  # IoU 100 of 220, its centre outside
        ((100, 100, 110, 110), True),  # two detections cover three quarters of it, its centre in neither
        ((100, 100, 130, 110), False),  # the same two cover a quarter of it
        ((60, 60, 70, 70), False),
    ],
)
def test_an_anomaly_is_explained_by_a_detection_that_holds_or_covers_it(box: tuple[float, ...], explained: bool):
    detections = Detections.of(
        [(10, 10, 20, 20), (99, 99, 104.5, 110), (105.5, 99, 108, 111)], [0.9, 0.8, 0.7], [0, 1, 2]
    )
    assert len(unexplained(anomalies(box), detections)) == (not explained)
    assert len(unexplained(anomalies(box), Detections.empty())) == 1
    assert len(unexplained(anomalies(), detections)) == 0


def test_panels_come_to_the_infrared_frame_where_the_transform_says():
    visible = np.zeros((100, 140), np.float32)  # a quarter of a visible image of 560 x 400
    visible[40:60, 70:105] = 1
    transform = Transform(1.75, 14.0, -21.0)
    found = panels_in_infrared(visible, (560, 400), transform, (320, 256)) > 0.5
    y, x = np.nonzero(found)
    expected = transform.to_infrared([(280, 160), (420, 240)]).ravel()
    assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == pytest.approx(expected, abs=1)
    everywhere = panels_in_infrared(np.ones_like(visible), (560, 400), transform, (320, 256))
    assert everywhere[:11].max() == 0  # the visible camera does not look that high
    assert everywhere[14:238, :310].min() == 1


def test_what_a_detection_explains_is_reported_once(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    summary = read_json(out / "summary.json")
    assert (summary["detections"], summary["anomalies"]) == (3, 0)


def test_unexplained_anomalies_are_in_every_file(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, UNSURE)
    with (out / "detections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pair"] for row in rows] == ["1", "2", "2"]
    for row, expected in zip(rows, (SPOT, SPOT, SECOND), strict=True):
        own = (row["type"], row["score"], row["source"], row["unit"])
        assert own == ("unclassified anomaly", "", "anomaly", "deviations")
        assert [float(row[side]) for side in ("x0", "y0", "x1", "y1")] == pytest.approx(expected, abs=3)
        assert float(row["peak"]) > 8
        assert int(row["size"]) == pytest.approx(20 * 16, rel=0.3)
        assert float(row["latitude"]) == pytest.approx(37.2461667, abs=1e-6)

    coco = read_json(out / "detections.coco.json")
    assert coco["categories"][-1] == {"id": len(load_taxonomy()) + 1, "name": "unclassified anomaly"}
    assert [entry["id"] for entry in coco["annotations"]] == [1, 2, 3]
    for entry, row in zip(coco["annotations"], rows, strict=True):
        assert (entry["source"], entry["category_id"], entry["unit"]) == ("anomaly", 11, "deviations")
        assert "score" not in entry
        assert entry["bbox"][:2] == [float(row["x0"]), float(row["y0"])]

    summary = read_json(out / "summary.json")
    assert (summary["detections"], summary["anomalies"], summary["by_type"]) == (0, 3, {})
    assert (summary["pairs_with_detections"], summary["pairs_with_findings"]) == (0, 2)


def test_detections_say_that_the_detector_found_them(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    assert {entry["source"] for entry in read_json(out / "detections.coco.json")["annotations"]} == {"detector"}
    with (out / "detections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["source"], row["peak"], row["unit"]) for row in rows} == {("detector", "", "")}


def test_anomalies_are_drawn_in_a_colour_of_their_own(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, UNSURE)
    for name, drawn in (("0", False), ("1", True)):
        blue, green, red = np.moveaxis(np.asarray(cv2.imread(str(out / "annotated" / f"{name}.jpg"))), 2, 0)
        cyan = (blue > 170) & (green > 170) & (red < 90)
        assert cyan[:, :320].any() == cyan[:, 328:].any() == drawn


def test_the_report_counts_lists_and_shows_them(plant: Path, model: Path, tmp_path: Path):
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, UNSURE)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<span>Unclassified anomalies</span><b>3</b>" in page
    assert page.count("<td>strip</td>") + page.count("<td>bar</td>") + page.count("<td>point</td>") == 3
    assert page.count('<figure id="') == 2  # the pairs with nothing but anomalies are shown
    assert "2: 0 detections, 2 unclassified anomalies" in page
    assert "unclassified anomaly 2" in page


def test_nothing_found_says_what_that_rests_on(
    plant: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for spots in (1, 2):
        for kind in "TV":
            (plant / f"{spots}_{kind}.JPG").unlink()
    (plant / "3_T.JPG").write_bytes((plant / "0_T.JPG").read_bytes())
    out = tmp_path / "out"
    predict(plant, model, out, None, 0.3, "default")
    summary = read_json(out / "summary.json")
    assert (summary["detections"], summary["anomalies"]) == (0, 0)
    rests_on = summary["rests_on"]
    assert rests_on["trained_on"] == ["site1"]
    assert rests_on["types"] == list(load_taxonomy().names)
    assert (rests_on["score_threshold"], rests_on["anomalies"]["strength"]) == (0.3, 8.0)
    assert rests_on["common_ground"] == pytest.approx(312 * 228 / (320 * 256), abs=0.01)
    assert rests_on["panels"] == pytest.approx(10 * 44 * 62 / (320 * 256), abs=0.04)
    assert (rests_on["pairs_without_panels"], rests_on["files_left_out"]) == ([], 1)
    text = capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    for said in (
        "learnt from site1",
        "Grass/Tree",
        "strength of 8 robust",
        "87% of the infrared",
        "1 file was left out",
    ):
        assert said in text
        assert said in page
    assert "That does not make the plant free of defects" in page
    assert "clean" not in page.lower()
    assert "0 unclassified anomalies" in text


def test_pairs_without_panels_are_named(
    plant: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    bare = make_inspector(panels=lambda image: np.zeros((4, 4), np.float32))
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: bare))
    predict(plant, model, tmp_path / "out", None, 0.3, "default")
    rests_on = read_json(tmp_path / "out" / "summary.json")["rests_on"]
    assert (rests_on["panels"], rests_on["pairs_without_panels"]) == (0, ["0", "1", "2"])
    assert "No panels were found on 0, 1, 2" in capsys.readouterr().out
