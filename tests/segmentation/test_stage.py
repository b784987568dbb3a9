import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ddlivm.data import DataSet
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation import load_segmenter
from ddlivm.segmentation.examples import Example, load_examples
from ddlivm.segmentation.segmenter import Segmenter
from ddlivm.segmentation.stage import mean_iou, train_segmenter
from ddlivm.segmentation.unet import UNet
from tests.segmentation.panels import tiny_section, write_panels

FILES = ("segmenter.safetensors", "segmenter.json", "history.json")


def train(data: Path, out: Path, epochs: int = 2) -> dict[str, bytes]:
    """Train with site2 held out and return the bytes written."""
    out.mkdir()
    train_segmenter(data, "site2", ("site1",), tiny_section(epochs), out, out.parent)
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_panels(tmp_path_factory.mktemp("panels") / "data")


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("segmenter") / "out"
    train(data, out)
    return out


def test_training_finds_the_panels_of_a_plant_it_has_not_seen(data: Path, tmp_path: Path):
    train(data, tmp_path / "out", epochs=5)
    examples = load_examples([DataSet.load(data).site("site2")], (64, 64), 1)
    torch.manual_seed(0)
    before = mean_iou(Segmenter(UNet((8, 8, 16, 16)), (64, 64)), examples)
    everywhere = float(np.mean([(example.mask > 0.5).mean() for example in examples]))
    after = mean_iou(load_segmenter(tmp_path / "out"), examples)
    assert after > 0.75
    assert after > max(before, everywhere) + 0.2


def test_the_history_has_a_row_an_epoch(trained: Path):
    history = read_json(trained / "history.json")
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["loss"] < history[0]["loss"]
    assert all(0 <= row["validation_iou"] <= 1 for row in history)


def test_two_runs_give_the_same_bytes_and_another_seed_others(data: Path, trained: Path, tmp_path: Path):
    first = {name: (trained / name).read_bytes() for name in FILES}
    assert train(data, tmp_path / "again") == first
    other = tmp_path / "other"
    other.mkdir()
    train_segmenter(data, "site2", ("site1",), tiny_section(1).model_copy(update={"seed": 1}), other, tmp_path)
    assert (other / FILES[0]).read_bytes() != first[FILES[0]]


def test_the_held_out_site_is_never_learnt_from(data: Path, trained: Path, tmp_path: Path):
    first = {name: (trained / name).read_bytes() for name in FILES}
    changed = shutil.copytree(data, tmp_path / "data")
    path = changed / "site2" / "annotations.json"
    content = read_json(path)
    ids = [entry["image_id"] for entry in content["panels"]]
    for entry, image_id in zip(content["panels"], ids[2:] + ids[:2], strict=True):
        entry["image_id"] = image_id
    write_json(path, content)
    assert train(changed, tmp_path / "permuted") == first
    path.unlink()
    shutil.rmtree(changed / "site2" / "visible")
    assert train(changed, tmp_path / "deleted") == first


def test_a_source_site_is_learnt_from(data: Path, trained: Path, tmp_path: Path):
    changed = shutil.copytree(data, tmp_path / "data")
    path = changed / "site3" / "annotations.json"
    content = read_json(path)
    content["panels"] = content["panels"][2:]
    write_json(path, content)
    assert train(changed, tmp_path / "out")[FILES[0]] != (trained / FILES[0]).read_bytes()


def test_sources_without_outlines_are_one_line(data: Path, tmp_path: Path):
    bare = shutil.copytree(data, tmp_path / "data")
    for site in ("site1", "site3"):
        content = read_json(bare / site / "annotations.json")
        del content["panels"]
        write_json(bare / site / "annotations.json", content)
    with pytest.raises(InputError, match="no panel outlines") as raised:
        train(bare, tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_iou_of_masks_that_are_known():
    class Half(torch.nn.Module):
        """Says panel on the left half."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = torch.full((len(images), 1, *images.shape[2:]), -1.0)
            logits[..., : images.shape[3] // 2] = 1.0
            return logits

    masks = np.zeros((3, 16, 16), np.float32)
    masks[0, :, :8] = 1  # the same
    masks[1, :, :4] = 1  # half of it
    masks[2, :, 8:] = 1  # the other half
    examples = [Example(np.zeros((16, 16, 3), np.float32), mask, True) for mask in masks]
    segmenter = Segmenter(Half(), (16, 16))  # type: ignore[arg-type]
    assert [mean_iou(segmenter, [example]) for example in examples] == [1.0, 0.5, 0.0]
    assert mean_iou(segmenter, examples) == pytest.approx(0.5)
