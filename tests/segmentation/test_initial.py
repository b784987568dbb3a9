from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ddlivm.errors import InputError
from ddlivm.segmentation.birefnet import SIZES, BiRefNet
from ddlivm.segmentation.initial import load_initial_weights

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(7)
    return BiRefNet(SIZES["tiny"]).state_dict()


@pytest.fixture(scope="module")
def network() -> BiRefNet:
    return BiRefNet(SIZES["tiny"])


@pytest.fixture(autouse=True)
def forgotten(network: BiRefNet) -> None:
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)


def check(network: BiRefNet, state: State) -> None:
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_public_files_load_whatever_trained_them(
    tmp_path: Path, network: BiRefNet, state: State, prefix: str, suffix: str
):
    path, named = tmp_path / f"file{suffix}", {prefix + key: value for key, value in state.items()}
    save_file(named, path) if suffix == ".safetensors" else torch.save(named, path)
    load_initial_weights(network, path)
    check(network, state)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict"])
def test_weights_inside_a_training_checkpoint_load(tmp_path: Path, network: BiRefNet, state: State, wrapper: str):
    torch.save({wrapper: state, "epoch": 3}, tmp_path / "file.pth")
    load_initial_weights(network, tmp_path / "file.pth")
    check(network, state)


def test_half_precision_is_widened(tmp_path: Path, network: BiRefNet, state: State):
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    save_file(half, tmp_path / "file.safetensors")
    load_initial_weights(network, tmp_path / "file.safetensors")
    assert network.decoder.conv_out1[0].weight.dtype == torch.float32
    check(network, {key: value.to(state[key].dtype) for key, value in half.items()})


def message(network: BiRefNet, path: Path) -> str:
    with pytest.raises(InputError) as raised:
        load_initial_weights(network, path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_what_is_missing_unknown_or_of_another_shape_is_named_and_counted(
    tmp_path: Path, network: BiRefNet, state: State
):
    wrong = dict(state)
    for index in range(5):
        wrong[f"head.{index}"] = torch.zeros(1)
    del wrong["bb.norm0.bias"]
    wrong["decoder.conv_out1.0.weight"] = torch.zeros(1, 2, 1, 1)
    save_file(wrong, tmp_path / "file.safetensors")
    found = message(network, tmp_path / "file.safetensors")
    assert "1 missing (bb.norm0.bias);" in found
    assert "5 unexpected (head.0, head.1, head.2, head.3 and 1 more);" in found
    assert "1 of another shape (decoder.conv_out1.0.weight (1, 2, 1, 1) instead of (1, 20, 1, 1));" in found


class Code:
    """Anything but data."""


@pytest.mark.parametrize("content", [Code(), [1, 2], {"a": 1}, {"state_dict": {"a": Code()}}])
def test_a_file_of_anything_else_is_one_line(tmp_path: Path, network: BiRefNet, content: object):
    torch.save(content, tmp_path / "file.pth")
    message(network, tmp_path / "file.pth")


@pytest.mark.parametrize("name", ["file.safetensors", "file.pth"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"\x80\x04garbage", b"\xff" * 64])
def test_a_damaged_or_missing_file_is_one_line(tmp_path: Path, network: BiRefNet, name: str, content: bytes | None):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert "cannot be read" in message(network, tmp_path / name)
