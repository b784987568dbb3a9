import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ddlivm.data import DataSet
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation import load_segmenter
from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.examples import load_examples
from ddlivm.segmentation.stage import build_network, train_segmenter
from ddlivm.segmentation.training import ious
from ddlivm.segmentation.unet import UNet
from tests.segmentation.panels import tiny_section, write_panels

FILES = ("segmenter.safetensors", "segmenter.json", "history.json")


def train(data: Path, out: Path, epochs: int = 2) -> dict[str, bytes]:
    """Train with site2 held out and return the bytes written."""
    out.mkdir()
    work = out.with_name(f"{out.name}-work")
    work.mkdir(exist_ok=True)
    train_segmenter(data, "site2", ("site1",), tiny_section(epochs), out, work)
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
    before = np.mean(ious(UNet((8, 8, 16, 16)), examples))
    everywhere = np.mean([(examples.mask(index) > 0.5).mean() for index in range(len(examples))])
    after = np.mean(ious(load_segmenter(tmp_path / "out").network, examples))
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
    with pytest.raises(InputError, match="no labelled panels") as raised:
        train(bare, tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_a_birefnet_starts_from_the_file_that_it_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.manual_seed(3)
    given = BiRefNet(SIZES["tiny"])
    save_file(given.state_dict(), tmp_path / "file.safetensors")
    segmenter = {"kind": "birefnet", "backbone": "tiny", "weights": str(tmp_path / "file.safetensors")}
    started = build_network(tiny_section(1, segmenter), "background_removal site2")
    for key, value in given.state_dict().items():
        assert torch.equal(started.state_dict()[key].cpu(), value), key
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=r"file\.safetensors: is not of this network"):
        save_file({"conv.weight": torch.zeros(1)}, tmp_path / "file.safetensors")
        build_network(tiny_section(1, segmenter), "background_removal site2")
    build_network(tiny_section(1, segmenter | {"weights": None}), "background_removal site2")
    assert "background_removal site2: fresh weights" in capsys.readouterr().err
