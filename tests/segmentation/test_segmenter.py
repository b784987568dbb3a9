from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation import Segmenter, load_segmenter
from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.images import Image
from ddlivm.segmentation.unet import UNet

CHANNELS = (8, 8, 16, 16)
SIZE = (64, 32)


def fresh(channels: tuple[int, int, int, int] = CHANNELS) -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(UNet(channels), SIZE)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    fresh().save(tmp_path)
    return tmp_path


@pytest.fixture
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(30, 5, (50, 70)).astype(np.float32), rng.integers(0, 255, (90, 120, 3)).astype(np.uint8)]


def test_what_was_saved_is_loaded(saved: Path, images: list[np.ndarray]):
    loaded = load_segmenter(saved)
    assert loaded.input_size == SIZE
    np.testing.assert_allclose(loaded.small_probabilities(images), fresh().small_probabilities(images), atol=1e-5)


def test_saving_again_gives_the_same_bytes(saved: Path, tmp_path: Path):
    again = tmp_path / "again"
    again.mkdir()
    load_segmenter(saved).save(again)
    for name in ("segmenter.safetensors", "segmenter.json"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_probabilities_are_at_the_networks_and_at_the_images_size(images: list[np.ndarray]):
    segmenter = fresh()
    small = segmenter.small_probabilities(images)
    assert small.shape == (2, SIZE[1], SIZE[0])
    for image, probability in zip(images, small, strict=True):
        full = segmenter.panel_probability(image)
        assert full.shape == image.shape[:2]
        assert full.dtype == np.float32
        assert 0 <= full.min() <= full.max() <= 1
        assert full.mean() == pytest.approx(probability.mean(), abs=0.01)


def test_an_image_is_seen_alike_alone_and_in_company(images: list[np.ndarray]):
    segmenter = fresh()
    together = segmenter.small_probabilities(images)
    alone = np.concatenate([segmenter.small_probabilities([image]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_network_answers_at_the_images_own_resolution():
    assert UNet(CHANNELS)(torch.zeros(2, 3, 32, 64)).shape == (2, 1, 32, 64)


def test_a_birefnet_comes_back_as_it_was(tmp_path: Path, images: list[np.ndarray]):
    torch.manual_seed(0)
    segmenter = Segmenter(BiRefNet(SIZES["tiny"]), (64, 64))
    before = segmenter.small_probabilities(images)
    segmenter.save(tmp_path)
    np.testing.assert_allclose(load_segmenter(tmp_path).small_probabilities(images), before, atol=1e-5)


def test_a_mosaic_is_looked_at_in_tiles(images: list[np.ndarray]):
    looks = []

    class Looks(Segmenter):
        def small_probabilities(self, images: Sequence[Image]) -> np.ndarray:
            looks.append(images[0].shape)
            return super().small_probabilities(images)

    image = np.tile(images[1], (3, 2, 1))  # 240 wide, 270 high
    probability = Looks(UNet(CHANNELS), SIZE, largest=160).panel_probability(image)
    assert probability.shape == image.shape[:2]
    assert np.isfinite(probability).all()
    assert set(looks) == {(80, 160, 3)}
    assert len(looks) == 2 * 5


def message(folder: Path) -> str:
    with pytest.raises(InputError) as raised:
        load_segmenter(folder)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_missing_folder_or_file_is_one_line(saved: Path, tmp_path: Path):
    assert "nowhere/segmenter.json: cannot be read" in message(tmp_path / "nowhere")
    (saved / "segmenter.safetensors").unlink()
    assert "segmenter.safetensors: cannot be loaded" in message(saved)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_cut_weights_are_one_line(saved: Path, keep: int):
    path = saved / "segmenter.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert "segmenter.safetensors: cannot be loaded as this segmenter's weights" in message(saved)


def test_weights_of_another_network_are_one_line(saved: Path):
    (other := saved / "other").mkdir()
    fresh((8, 8, 8, 8)).save(other)
    (other / "segmenter.safetensors").replace(saved / "segmenter.safetensors")
    assert "segmenter.safetensors: cannot be loaded" in message(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"channels": None},
        {"channels": [8, 8, 16]},
        {"channels": [8, 8, 16, 17]},
        {"channels": ["a", "b", "c", "d"]},
        {"input_size": [64]},
        {"input_size": [64, 50]},
        {"input_size": "large"},
        {"input_size": [0, 32]},
        {"kind": "sam"},
        {"kind": ["unet"]},
        {"kind": "birefnet"},
    ],
)
def test_a_wrong_description_is_one_line(saved: Path, change: dict[str, object]):
    path = saved / "segmenter.json"
    write_json(path, read_json(path) | change)
    assert "segmenter.json: does not describe a segmenter" in message(saved)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{"])
def test_a_description_that_is_none_is_one_line(saved: Path, text: str):
    (saved / "segmenter.json").write_text(text)
    assert "segmenter.json" in message(saved)
