import shutil
from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.inspection.folder import find_pairs
from ddlivm.inspection.inspector import Inspector
from ddlivm.inspection.model import ShippedModel
from ddlivm.segmentation import Segmenter
from tests.inspection.fresh import make_fresh_model
from tests.inspection.plants import SIZE, TRANSFORM, panels_by_colour, write_pair


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ShippedModel:
    return make_fresh_model(tmp_path_factory.mktemp("fresh"), (160, 128))


def test_the_real_parts_work_together_on_pairs_of_any_size(
    model: ShippedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Segmenter, "small_probabilities", lambda _, images: [panels_by_colour(one) for one in images])
    for name in "ab":
        write_pair(tmp_path / "infrared" / f"{name}.jpg", tmp_path / "visible" / f"{name}.jpg")
    inspection = Inspector.load(model).inspect(find_pairs(tmp_path).pairs, score=0.001, head="mask_rcnn-002")
    assert [entry.pair.name for entry in inspection.pairs] == ["a", "b"]
    assert inspection.choice.head == "mask_rcnn-002"
    found = inspection.alignment.transform
    assert (found.scale, found.rotation_deg) == pytest.approx((TRANSFORM.scale, TRANSFORM.rotation_deg), abs=0.03)
    assert (found.offset_x, found.offset_y) == pytest.approx((TRANSFORM.offset_x, TRANSFORM.offset_y), abs=6)
    for entry in inspection.pairs:
        boxes, scores = entry.detections.boxes, entry.detections.scores
        assert entry.size == SIZE
        assert len(boxes) > 0  # fresh weights are unsure of everything, and the score asks for nothing
        x0, y0, x1, y1 = entry.common
        assert (boxes[:, :2] >= (x0 - 0.1, y0 - 0.1)).all()
        assert (boxes[:, 2:] <= (x1 + 0.1, y1 + 0.1)).all()
        assert (scores[:-1] >= scores[1:]).all()


def test_pictures_without_panels_are_one_line(model: ShippedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        Segmenter, "small_probabilities", lambda _, images: [panels_by_colour(one) * 0 for one in images]
    )
    write_pair(tmp_path / "a_T.jpg", tmp_path / "a_V.jpg")
    inspector = Inspector.load(model)
    with pytest.raises(InputError, match="none of 1 pairs shows panels"):
        inspector.inspect(find_pairs(tmp_path).pairs)
    (tmp_path / "a_V.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="no pair could be used"):
        inspector.inspect(find_pairs(tmp_path).pairs)


def test_damaged_weights_are_one_line_that_names_the_file(model: ShippedModel, tmp_path: Path):
    folder = tmp_path / "model"
    shutil.copytree(model.folder, folder)
    (folder / "bank" / "entry_004.safetensors").write_bytes(
        (folder / "bank" / "infrared_only.safetensors").read_bytes()
    )
    with pytest.raises(InputError, match=r"entry_004\.safetensors: does not fit"):
        Inspector.load(ShippedModel(folder, model.card))
