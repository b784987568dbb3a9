"""The stage's files, with a detector whose right choice is known, and whose labels are looked at."""

import filecmp
import json
from pathlib import Path

import pytest

from ddlivm.data import DataSet, PairAlignment, SetAside, SiteAlignments, Transform
from ddlivm.data.folds import NOTHING
from ddlivm.detector.architecture import CONFIDENCE_FLOOR
from ddlivm.errors import InputError
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.files import read_json, write_json
from ddlivm.selection.stage import image_ids, select
from tests.selection.fakes import (
    DIRTY,
    HEIGHT,
    SPOTS,
    WIDTH,
    FakeDetector,
    bank,
    chain_of,
    fragile,
    robust,
    write_pairs,
)

COUNT = 5
SITE3 = SetAside((("site3",),))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Site 5 is the target, site 3 may be set aside; image ids are 10, 11, ... in the pairs' order."""
    aligned: dict[str, PairAlignment] = {}
    for site in ("site3", "site5"):
        write_pairs(tmp_path / "data" / site, COUNT)
        write_labels(tmp_path / "data" / site / "annotations.json")
        aligned |= {f"{site}/p{index}": PairAlignment(Transform(1.75, 0, 0), 1.0) for index in range(COUNT)}
    (tmp_path / "data" / "sites.yaml").write_text(
        "- {id: site1, name: one, station: a}\n"
        "- {id: site3, name: three, station: a, temperature_scale: {gain: 0.01, offset: -273.15}}\n"
        "- {id: site5, name: five, station: b, temperature_scale: {gain: 0.01, offset: -273.15}}\n"
    )
    SiteAlignments({}, aligned).save(tmp_path / "transforms.json")
    return tmp_path / "data"


def write_labels(path: Path) -> None:
    """Both spots of every pair are dirty."""
    images = [
        {"id": 10 + index, "file_name": f"infrared/p{index}.png", "width": WIDTH, "height": HEIGHT}
        for index in range(COUNT)
    ]
    boxes = [[SPOTS[0][0], SPOTS[0][1], 16, 12], [SPOTS[1][0], SPOTS[1][1], 12, 14]]
    annotations = [
        {"id": 2 * index + k, "image_id": 10 + index, "category_id": DIRTY + 1, "bbox": box}
        for index in range(COUNT)
        for k, box in enumerate(boxes)
    ]
    write_json(path, {"images": images, "categories": [{"id": DIRTY + 1, "name": "dirty"}], "annotations": annotations})


def run(data: Path, out: Path, set_aside: SetAside = NOTHING) -> None:
    dataset = DataSet.load(data)
    detector = FakeDetector({"fcos-002": fragile, "fcos-004": fragile, "mask_rcnn-002": robust})
    chain = chain_of(detector, maximum_pairs=4, resamples=100)
    select(dataset, data.parent, dataset.fold("site5", (), set_aside), chain, bank(), 0.5, out)


def test_the_choice_and_every_heads_detections_are_written(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    scores = SelectionScores.load(tmp_path / "out")
    assert (scores.fold, scores.targets, scores.chosen, scores.tie) == ("site5", ("site5",), "mask_rcnn-002", False)
    assert (scores.default, scores.last_fcos, scores.last_mask_rcnn) == ("fcos-004", "fcos-004", "mask_rcnn-002")
    content = json.loads((tmp_path / "out" / "selection.json").read_text())
    assert content["transductive"] is True
    assert content["minimum_score"] == CONFIDENCE_FLOOR
    assert content["pairs"] == 4
    site = DataSet.load(data).site("site5")
    names = sorted(path.stem for path in (tmp_path / "out" / "detections" / "site5").iterdir())
    assert names == sorted(("fcos-002", "fcos-004", "mask_rcnn-002", "untrained", "infrared_only"))
    for head in ("fcos-004", "mask_rcnn-002"):
        found = load_detections(tmp_path / "out", site, head)
        assert sorted(found.images.tolist()) == sorted([*range(10, 15)] * 2)
        assert {tuple(box) for box in found.boxes.astype(int).tolist()} == set(SPOTS)
    assert len(load_detections(tmp_path / "out", site, "infrared_only")) == 0


def test_heads_are_calibrated_on_what_was_set_aside(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out", SITE3)
    scores = SelectionScores.load(tmp_path / "out")
    assert scores.set_aside == ("site3",)
    assert set(scores.calibrations) == set(scores.heads)
    own = scores.calibrations["mask_rcnn-002"]
    assert (own.detections, own.accuracy, own.recall40) == (2 * COUNT, 1.0, 1.0)
    found = load_detections(tmp_path / "out", DataSet.load(data).site("site5"), "mask_rcnn-002")
    # All ten are right, which says eleven of twelve.
    assert found.scores == pytest.approx(11 / 12, abs=0.005)
    assert scores.threshold("mask_rcnn-002") == pytest.approx(11 / 24, abs=0.005)
    assert scores.threshold("infrared_only") == 0.5


def test_with_nothing_set_aside_scores_and_threshold_stay(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    scores = SelectionScores.load(tmp_path / "out")
    assert scores.set_aside == ()
    own = {head: (entry.threshold, entry.slope, entry.accuracy) for head, entry in scores.calibrations.items()}
    assert own.pop("untrained") == (0.0, 1.0, None)  # all that it says is reported
    assert set(own.values()) == {(0.3, 1.0, None)}
    found = load_detections(tmp_path / "out", DataSet.load(data).site("site5"), "mask_rcnn-002")
    assert set(found.scores) == {0.9}


def test_what_is_set_aside_needs_labels(data: Path, tmp_path: Path) -> None:
    path = data / "site3" / "annotations.json"
    write_json(path, read_json(path) | {"images": [], "annotations": []})
    with pytest.raises(InputError, match=r"site3/infrared/p0\.png: is not listed in its site's annotations\.json"):
        run(data, tmp_path / "out", SITE3)


def test_a_head_without_a_calibration_is_one_line(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    path = tmp_path / "out" / "selection.json"
    content = read_json(path)
    del content["calibrations"]["fcos-004"]
    write_json(path, content)
    with pytest.raises(InputError, match="has none for head 'fcos-004'; run head selection again"):
        SelectionScores.load(tmp_path / "out")


def test_the_targets_labels_change_nothing(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "first", SITE3)
    path = data / "site5" / "annotations.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["bbox"], annotation["category_id"] = [0, 0, 3, 3], 99
    path.write_text(json.dumps(content))
    run(data, tmp_path / "second", SITE3)
    names = ["selection.json", *(f"detections/site5/{head}.json" for head in ("fcos-002", "mask_rcnn-002"))]
    assert filecmp.cmpfiles(tmp_path / "first", tmp_path / "second", names, shallow=False)[0] == names


def test_without_annotations_images_are_numbered_in_order(data: Path) -> None:
    site = DataSet.load(data).site("site5")
    assert image_ids(site) == {f"p{index}": 10 + index for index in range(COUNT)}
    (data / "site5" / "annotations.json").unlink()
    assert image_ids(site) == {f"p{index}": 1 + index for index in range(COUNT)}


def test_an_image_that_is_not_listed_is_one_line(data: Path) -> None:
    path = data / "site5" / "annotations.json"
    content = json.loads(path.read_text())
    content["images"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not list pair 'p4'"):
        image_ids(DataSet.load(data).site("site5"))


def test_an_unaligned_pair_is_one_line(data: Path, tmp_path: Path) -> None:
    SiteAlignments().save(data.parent / "transforms.json")
    with pytest.raises(InputError, match="site5/p0 has no transform"):
        run(data, tmp_path / "out")
