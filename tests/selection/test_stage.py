"""The stage's files, with a detector whose right choice is known, and that no label of the target is looked at."""

import filecmp
import json
from pathlib import Path

import pytest

from ddlivm.data import DataSet, PairAlignment, SiteAlignments, Transform
from ddlivm.errors import InputError
from ddlivm.evaluation.selection import SelectionScores, load_detections
from ddlivm.parameters import HeadSelection
from ddlivm.selection.stage import image_ids, select
from tests.selection.fakes import DIRTY, HEIGHT, SPOTS, WIDTH, FakeDetector, bank, fragile, robust, write_pairs

PARAMETERS = HeadSelection(
    score="paper",
    window=50,
    score_threshold=0.3,
    maximum_pairs=4,
    resamples=100,
    sam_checkpoint=None,
    threads=2,
    seed=0,
)
COUNT = 5


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Site 5 is the target; its image ids are 10, 11, ... in the pairs' order."""
    write_pairs(tmp_path / "data" / "site5", COUNT)
    (tmp_path / "data" / "sites.yaml").write_text(
        "- {id: site1, name: one, station: a}\n"
        "- {id: site5, name: five, station: b, temperature_scale: {gain: 0.01, offset: -273.15}}\n"
    )
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
    categories = [{"id": DIRTY + 1, "name": "dirty"}]
    (tmp_path / "data" / "site5" / "annotations.json").write_text(
        json.dumps({"images": images, "categories": categories, "annotations": annotations})
    )
    alignment = PairAlignment(Transform(1.75, 0, 0), 1.0)
    alignments = SiteAlignments({"site5": alignment}, {f"site5/p{index}": alignment for index in range(COUNT)})
    alignments.save(tmp_path / "transforms.json")
    return tmp_path / "data"


def run(data: Path, out: Path) -> None:
    dataset = DataSet.load(data)
    detector = FakeDetector({"fcos-002": fragile, "fcos-004": fragile, "mask_rcnn-002": robust})
    select(dataset, data.parent, dataset.fold("site5", ()), detector, bank(), PARAMETERS, out)


def test_the_choice_and_every_heads_detections_are_written(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    scores = SelectionScores.load(tmp_path / "out")
    assert (scores.fold, scores.targets, scores.chosen, scores.tie) == ("site5", ("site5",), "mask_rcnn-002", False)
    assert (scores.default, scores.last_fcos, scores.last_mask_rcnn) == ("fcos-004", "fcos-004", "mask_rcnn-002")
    content = json.loads((tmp_path / "out" / "selection.json").read_text())
    assert content["transductive"] is True
    assert content["minimum_score"] == 0.05
    assert content["pairs"] == 4
    site = DataSet.load(data).site("site5")
    names = sorted(path.stem for path in (tmp_path / "out" / "detections" / "site5").iterdir())
    assert names == sorted(("fcos-002", "fcos-004", "mask_rcnn-002", "untrained", "infrared_only"))
    for head in ("fcos-004", "mask_rcnn-002"):
        found = load_detections(tmp_path / "out", site, head)
        assert sorted(found.images.tolist()) == sorted([*range(10, 15)] * 2)
        assert {tuple(box) for box in found.boxes.astype(int).tolist()} == set(SPOTS)
    assert len(load_detections(tmp_path / "out", site, "infrared_only")) == 0


def test_the_targets_labels_change_nothing(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "first")
    path = data / "site5" / "annotations.json"
    content = json.loads(path.read_text())
    for annotation in content["annotations"]:
        annotation["bbox"], annotation["category_id"] = [0, 0, 3, 3], 99
    path.write_text(json.dumps(content))
    run(data, tmp_path / "second")
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
