import math
from dataclasses import replace

import pytest
import torch

from ddlivm.detector.architecture import EncoderSpec
from ddlivm.detector.encoders import ENCODERS, ConvolutionBlock, build_encoder, fuse
from ddlivm.detector.residual import ResidualBlock
from ddlivm.errors import InputError

SPEC = EncoderSpec("pyramid", (8, 16, 24, 32), (1, 0, 2, 1))


@pytest.mark.parametrize("kind", ENCODERS)
def test_both_pyramids_meet_on_one_grid(kind):
    spec = replace(SPEC, kind=kind)
    infrared, visible = build_encoder(spec, "infrared"), build_encoder(spec, "visible")
    levels = infrared(torch.zeros(2, 1, 64, 96)), visible(torch.zeros(2, 3, 112, 168))
    for level, channels, stride in zip(fuse(*levels), SPEC.channels, (4, 8, 16, 32), strict=True):
        assert level.shape == (2, 2 * channels, 64 // stride, 96 // stride)
    assert torch.equal(fuse(*levels)[1][:, :16], levels[0][1])


def test_a_block_is_what_infmae_describes():
    torch.manual_seed(0)
    block = ConvolutionBlock(6, ratio=2).double()
    x = torch.randn(1, 6, 5, 7, dtype=torch.float64)

    def normalise(z, norm):
        mean, variance = z.mean(1, keepdim=True), z.var(1, keepdim=True, unbiased=False)
        return (z - mean) / (variance + 1e-5).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]

    def mix(z, conv):
        return torch.einsum("oi,bihw->bohw", conv.weight[:, :, 0, 0], z) + conv.bias[:, None, None]

    y = mix(normalise(x, block.norm1), block.conv1)
    padded = torch.zeros(1, 6, 9, 11, dtype=torch.float64)
    padded[:, :, 2:7, 2:9] = y
    taps = sum(
        padded[:, :, dy : dy + 5, dx : dx + 7] * block.attn.weight[:, 0, dy, dx, None, None]
        for dy in range(5)
        for dx in range(5)
    )
    assert block.attn.bias is not None
    y = x + mix(taps + block.attn.bias[:, None, None], block.conv2)
    hidden = mix(normalise(y, block.norm2), block.mlp.fc1)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    assert torch.allclose(block(x), y + mix(hidden, block.mlp.fc2), atol=1e-9)


def test_a_residual_block_adds_two_convolutions_to_its_input():
    torch.manual_seed(0)
    block = ResidualBlock(4).double().eval()
    for statistics in block.buffers():
        if statistics.is_floating_point():
            torch.nn.init.uniform_(statistics, 0.5, 2)
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)

    def convolve(z, convolution, norm):
        padded = torch.zeros(2, 4, 8, 7, dtype=torch.float64)
        padded[:, :, 1:7, 1:6] = z
        taps = [(dy, dx) for dy in range(3) for dx in range(3)]
        weight = convolution.weight
        y = sum(
            torch.einsum("oi,bihw->bohw", weight[:, :, dy, dx], padded[:, :, dy : dy + 6, dx : dx + 5])
            for dy, dx in taps
        )
        mean, variance = norm.running_mean[:, None, None], norm.running_var[:, None, None]
        return (y - mean) / (variance + 1e-5).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]

    inner = convolve(x, block.conv1[0], block.conv1[1]).clamp(min=0)
    expected = (x + convolve(inner, block.conv2[0], block.conv2[1])).clamp(min=0)
    assert torch.allclose(block(x), expected, atol=1e-9)


def test_the_residual_encoder_tells_a_patch_from_one_twice_as_hot():
    """Normalising each place over its channels would make them one, as its first layers see a flat patch."""
    torch.manual_seed(0)
    encoder = build_encoder(replace(SPEC, kind="residual"), "infrared").eval()
    flat = torch.full((1, 1, 64, 64), 1.0)
    with torch.no_grad():
        once, twice = encoder(flat)[0], encoder(2 * flat)[0]
    inside = (slice(None), slice(None), slice(4, 12), slice(4, 12))
    assert (twice[inside] - once[inside]).norm() > 0.5 * once[inside].norm()


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="'convnext' is unknown"):
        build_encoder(EncoderSpec("convnext", (8, 8, 8, 8), (1, 1, 1, 1)), "visible")
