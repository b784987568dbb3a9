import json
from pathlib import Path

import pytest

from ddlivm.data.boxes import Boxes
from ddlivm.errors import InputError
from ddlivm.evaluation.analysis import matched
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.metrics import measure
from ddlivm.files import read_json, write_json
from tests.evaluation.conftest import HEADS, REFERENCES, THRESHOLDS, World


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_figures_hold_every_head_and_every_picture(world: World, tmp_path: Path):
    out = world.evaluate("site1", tmp_path / "figures")
    figures = FoldFigures.load(out)
    assert set(figures.heads) == {*HEADS, *REFERENCES}
    assert figures.rows["selected"] == figures.chosen == "fcos-002"
    assert figures.rows["last_mask_rcnn"] == "mask_rcnn-002"
    assert figures.simulated
    assert figures.sites == {"site1": "#1"}
    kinds = [picture.kind for picture in figures.pictures]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"detections": 4, "alignment": 2, "augmentation": 2}
    assert all((out / picture.file).stat().st_size > 1000 for picture in figures.pictures)
    assert figures.histories["dtft_training"].values["step1"][0] == 1.6


def test_figures_are_the_measures_of_the_detections_on_disk_at_each_heads_own_threshold(world: World, tmp_path: Path):
    figures = FoldFigures.load(world.evaluate("site1", tmp_path / "figures"))
    annotations = read_json(world.data / "site1" / "annotations.json")["annotations"]
    truth = Boxes.from_coco([row | {"score": 1.0} for row in annotations])
    for head, threshold in THRESHOLDS.items():
        results = Boxes.from_coco(read_json(world.selections["site1"] / "detections" / "site1" / f"{head}.json"))
        assert figures.heads[head].threshold == threshold
        assert figures.heads[head].sites["site1"] == measure(results, truth, threshold, 0.4)
        assert figures.heads[head].sites["site1"].predictions == len(results.above(threshold)) < len(results)
        assert figures.heads[head].all == figures.heads[head].sites["site1"]
        assert figures.heads[head].matched == matched(results, truth, 0.5, 0.4)
    assert figures.score_threshold == THRESHOLDS[figures.chosen]


def test_two_runs_write_the_same_bytes(world: World, tmp_path: Path):
    assert contents(world.evaluate("site1", tmp_path / "a")) == contents(world.evaluate("site1", tmp_path / "b"))


def test_only_the_held_out_labels_matter(world: World, tmp_path: Path):
    before = contents(world.evaluate("site1", tmp_path / "before"))
    (world.data / "site2" / "annotations.json").unlink()
    (world.data / "site3" / "annotations.json").unlink()
    assert contents(world.evaluate("site1", tmp_path / "without")) == before
    path = world.data / "site1" / "annotations.json"
    content = read_json(path)
    for annotation in content["annotations"]:
        annotation["category_id"] = annotation["category_id"] % 10 + 1
    write_json(path, content)
    assert contents(world.evaluate("site1", tmp_path / "permuted"))["figures.json"] != before["figures.json"]


def test_the_fold_all_is_measured_on_the_gate(world: World, tmp_path: Path):
    figures = FoldFigures.load(world.evaluate("all", tmp_path / "figures"))
    assert set(figures.sites) == {"site2"}


def test_regret_is_the_distance_to_the_best_candidate(world: World, tmp_path: Path):
    path = world.selections["site1"] / "selection.json"
    write_json(path, read_json(path) | {"chosen": "mask_rcnn-001"})
    figures = FoldFigures.load(world.evaluate("site1", tmp_path / "figures"))
    accuracies = {head: figures.heads[head].all.accuracy for head in HEADS}
    assert figures.regret.accuracy == max(accuracies.values()) - accuracies["mask_rcnn-001"] > 0
    assert accuracies[figures.regret.best_accuracy] == max(accuracies.values())


def test_defects_outside_the_common_ground_count_as_missed(world: World, tmp_path: Path):
    path = world.data / "site1" / "annotations.json"
    content = read_json(path)
    corner = {"image_id": 1, "category_id": 1, "bbox": [0, 246, 10, 10], "area": 100, "iscrowd": 0}
    content["annotations"].append(corner | {"id": 999})
    write_json(path, content)
    figures = FoldFigures.load(world.evaluate("site1", tmp_path / "figures"))
    assert figures.limits.outside == 1
    assert figures.row("selected").all.defects == len(content["annotations"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda world: (world.selections["site1"] / "selection.json").unlink(), "selection.json: cannot be read"),
        (lambda world: edit(world.selections["site1"] / "selection.json", chosen=None), "selection.json: chosen"),
        (lambda world: edit(world.selections["site1"] / "selection.json", targets=["site3"]), "was made for site3"),
        (
            lambda world: write_json(
                world.selections["site1"] / "detections" / "site1" / "fcos-001.json",
                [{"image_id": 77, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}],
            ),
            "image_id 77 is not in site1",
        ),
        (
            lambda world: write_json(
                world.selections["site1"] / "detections" / "site1" / "fcos-001.json",
                [{"image_id": 1, "category_id": 11, "bbox": [0, 0, 1, 1], "score": 0.5}],
            ),
            "outside the taxonomy",
        ),
        (
            lambda world: write_json(world.selections["site1"] / "detections" / "site1" / "fcos-001.json", [{}]),
            "no list of COCO results",
        ),
        (lambda world: edit(world.data / "site1" / "annotations.json", annotations=[]), "has no defects"),
        (lambda world: write_json(world.bank / "history.json", [{"loss": 1}]), "every row needs an epoch"),
        (lambda world: (world.series[1] / "series.safetensors").write_bytes(b"no"), "not the augmentation stage"),
        (lambda world: edit(world.transforms / "transforms.json", sites={}), "site 'site1' has no transform"),
    ],
)
def test_bad_input_is_one_clear_line(world: World, tmp_path: Path, change, message: str):
    change(world)
    with pytest.raises(InputError, match=message) as caught:
        world.evaluate("site1", tmp_path / "figures")
    assert "\n" not in str(caught.value)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_damaged_figures_say_which_key(world: World, tmp_path: Path):
    out = world.evaluate("site1", tmp_path / "figures")
    edit(out / "figures.json", pairs="many")
    with pytest.raises(InputError, match=r"figures\.json: pairs"):
        FoldFigures.load(out)
