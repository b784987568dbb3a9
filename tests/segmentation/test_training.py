from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ddlivm import checkpoints
from ddlivm.errors import InputError
from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.examples import Examples
from ddlivm.segmentation.network import Decoded, Network
from ddlivm.segmentation.segmenter import precision
from ddlivm.segmentation.training import History, batches, fine_tune, ious
from ddlivm.segmentation.unet import UNet
from tests.segmentation.panels import tiny_section


def examples(count: int = 7) -> Examples:
    """Bright rectangles on dark noise."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (count, 64, 64, 4)).astype(np.uint8)
    pixels[..., 3] = 0
    for index in range(count):
        x, y = rng.integers(0, 30, 2)
        pixels[index, y : y + 24, x : x + 30] = (180, 190, 200, 255)
    return Examples(pixels, np.arange(count), np.arange(count) % 2 == 0, np.arange(count) % 2)


def network(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return UNet((8, 8, 16, 16))


def train(made: Network, work: Path, epochs: int = 3, **changes: object) -> History:
    given = examples()
    section = tiny_section(epochs).model_copy(update=changes)
    return fine_tune(made, given.select(np.arange(5)), given.select(np.arange(5, 7)), section, "stage", work)


def states(made: Network) -> list[Tensor]:
    return list(made.state_dict().values())


class Forgetful(UNet):
    """Draws while it trains, as BiRefNet's dropout does."""

    def decode(self, image: Tensor) -> Decoded:
        return super().decode(torch.nn.functional.dropout(image, 0.5, self.training))


def forgetful() -> Network:
    torch.manual_seed(0)
    return Forgetful((8, 8, 8, 8))


@pytest.mark.parametrize("make", [network, forgetful])
def test_a_killed_run_goes_on_to_the_same_end(
    tmp_path: Path, make: Callable[[], Network], monkeypatch: pytest.MonkeyPatch
):
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = make()
    history = train(whole, tmp_path / "whole")
    save = checkpoints.save

    def killed(path: Path, state: checkpoints.State) -> None:
        save(path, state)
        if len(state["history"]) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(make(), tmp_path / "cut")
    again = make()
    assert train(again, tmp_path / "cut") == history
    for ours, theirs in zip(states(again), states(whole), strict=True):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_of_another_network_is_one_line(tmp_path: Path):
    train(network(), tmp_path, 1)
    with pytest.raises(InputError, match=r"checkpoint\.pt: is a checkpoint of another network") as raised:
        train(UNet((8, 8, 8, 8)), tmp_path, 2)
    assert "\n" not in str(raised.value)


def test_the_best_epoch_is_kept_and_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    scores, seen = iter([0.4, 0.8, 0.8, 0.6]), []

    def score(made: Network, _: Examples) -> list[float]:
        seen.append([value.clone() for value in states(made)])
        return [next(scores)]

    monkeypatch.setattr("ddlivm.segmentation.training.ious", score)
    made = network()
    history = train(made, tmp_path, 4)
    assert [row["validation_iou"] for row in history] == [0.4, 0.8, 0.8, 0.6]
    for kept, second in zip(states(made), seen[1], strict=True):
        assert torch.equal(kept, second)


def test_a_batch_in_parts_takes_the_same_step(tmp_path: Path):
    ends = []
    for at_once in (1, 2, 4):
        made = network()
        (tmp_path / str(at_once)).mkdir()
        history = train(made, tmp_path / str(at_once), 1, batch_size=4, images_at_once=at_once)
        ends.append((history[0]["loss"], torch.cat([value.flatten() for value in states(made)])))
    for loss, end in ends[1:]:
        assert loss == pytest.approx(ends[0][0], abs=1e-5)
        torch.testing.assert_close(end, ends[0][1], atol=2e-4, rtol=0)


def test_every_part_of_a_birefnet_is_fine_tuned(tmp_path: Path):
    torch.manual_seed(0)
    made, given = BiRefNet(SIZES["tiny"]), examples(3)
    before = {name: value.clone() for name, value in made.named_parameters()}
    section = tiny_section(1).model_copy(update={"learning_rate": 1e-3})
    fine_tune(made, given.select(np.arange(2)), given.select(np.arange(2, 3)), section, "stage", tmp_path)
    moved = {name: (value - before[name]).abs().max().item() for name, value in made.named_parameters()}
    assert min(moved.values()) > 0
    assert max(moved.values()) < 1e-3  # AdamW's first step is no longer than the learning rate


def test_a_loss_that_is_no_number_is_one_line(tmp_path: Path):
    made = network()
    torch.nn.init.constant_(made.get_parameter("head.0.bias"), torch.nan)
    with pytest.raises(InputError, match="stage: the loss is nan in epoch 1; lower learning_rate"):
        train(made, tmp_path)


def test_every_group_is_drawn_equally_often_and_none_of_it_twice_before_all():
    groups = np.array([0] * 20 + [1] * 5 + [7] * 2)
    drawn = np.concatenate(list(batches(groups, 9, 3, np.random.default_rng(0))))
    assert len(drawn) == 27
    assert [(groups[drawn] == name).sum() for name in (0, 1, 7)] == [9, 9, 9]
    counts = np.bincount(drawn, minlength=27)
    assert counts[:20].max() == 1
    assert set(counts[20:25]) == {1, 2}
    assert set(counts[25:]) == {4, 5}


class Half(Network):
    """Says panel on the left half."""

    multiple = 1
    description: ClassVar[dict[str, object]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.ones(()))

    @staticmethod
    def normalise(image: np.ndarray) -> np.ndarray:
        return image

    def decode(self, image: Tensor) -> Decoded:
        logits = -self.value * torch.ones(len(image), 1, *image.shape[2:])
        logits[..., : image.shape[3] // 2] = self.value
        return Decoded(logits)


def test_iou_of_masks_that_are_known():
    pixels = np.zeros((4, 16, 16, 4), np.uint8)
    pixels[0, :, :8, 3] = 255  # the same
    pixels[1, :, :4, 3] = 255  # half of it
    pixels[2, :, 8:, 3] = 255  # the other half
    pixels[3, :, :8, 3] = 127  # less than half of each pixel
    given = Examples(pixels, np.arange(4), np.zeros(4, bool), np.zeros(4, int))
    assert ious(Half(), given) == [1.0, 0.5, 0.0, 0.0]
    assert ious(Half(), given.select(np.array([1, 0]))) == [0.5, 1.0]


def test_precision_is_mixed_on_a_gpu_and_full_on_a_cpu():
    with precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    if not torch.cuda.is_available():
        pytest.skip("no GPU: mixed precision cannot be tried")
    made, image = UNet((8, 8, 16, 16)).cuda(), torch.zeros(1, 3, 64, 64, device="cuda")
    with precision(torch.device("cuda")):
        assert made(image).dtype == torch.bfloat16
