from pathlib import Path

import numpy as np
import pytest

from ddlivm.data import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.evaluation.bootstrap import map40_difference
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.image_results import ImageResults
from ddlivm.files import read_json, write_json
from tests.evaluation.conftest import World


def test_the_results_pair_by_pair_are_the_figures(world: World, tmp_path: Path):
    """The pairs' defects and hits add up to the tables' counts, and their mAP is the tables' own."""
    out = world.evaluate("all", tmp_path / "figures")
    figures, results = FoldFigures.load(out), ImageResults.load(out)
    measures = figures.heads[results.head].sites["site2"]
    site = results.sites["site2"]
    assert np.array(site.defects).sum() == measures.defects
    assert np.array(site.defects).sum(axis=0).tolist() == [
        measures.types[name].defects for name in load_taxonomy().names
    ]
    score, hit = np.array(site.score), np.array(site.hit)
    assert hit[score >= figures.score_threshold].sum() == sum(own.recalled for own in measures.types.values())
    nothing = ImageResults.load(out)
    empty = type(site)(site.pairs, site.defects, (), (), (), ())
    blank = type(nothing)(nothing.evaluation_set, "none", nothing.iou_threshold, {"site2": empty})
    assert map40_difference(results, blank, 100, 0.95).observed == pytest.approx(measures.map40)


def test_the_evaluation_set_follows_the_images_and_the_labels(world: World, tmp_path: Path):
    first = ImageResults.load(world.evaluate("all", tmp_path / "a")).evaluation_set
    assert ImageResults.load(world.evaluate("all", tmp_path / "b")).evaluation_set == first
    assert ImageResults.load(world.evaluate("site1", tmp_path / "c")).evaluation_set != first
    path = world.data / "site2" / "annotations.json"
    content = read_json(path)
    content["annotations"][0]["bbox"][2] += 1
    write_json(path, content)
    relabelled = ImageResults.load(world.evaluate("all", tmp_path / "d")).evaluation_set
    assert relabelled != first
    picture = next((world.data / "site2" / "visible").iterdir())
    picture.write_bytes(picture.read_bytes() + b"\0")
    assert ImageResults.load(world.evaluate("all", tmp_path / "e")).evaluation_set not in (first, relabelled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hit": []}, "site2: the predictions' lists differ in length"),
        ({"pair": [99], "kind": [0], "score": [0.5], "hit": [True]}, "site2: a prediction is on no pair"),
        ({"pair": [0], "kind": [10], "score": [0.5], "hit": [True]}, "site2: a prediction is of no type"),
        ({"defects": []}, "site2: `defects` is not one row a pair"),
        ({"score": "high"}, r"sites\.site2\.score"),
    ],
)
def test_damaged_results_are_one_line(world: World, tmp_path: Path, change: dict[str, object], message: str):
    out = world.evaluate("all", tmp_path / "figures")
    content = read_json(out / "results.json")
    content["sites"]["site2"] |= change
    write_json(out / "results.json", content)
    with pytest.raises(InputError, match=message) as caught:
        ImageResults.load(out)
    assert "\n" not in str(caught.value)
