import math

import pytest
import torch

from ddlivm.detector.architecture import EncoderSpec
from ddlivm.detector.encoders import ConvolutionBlock, build_encoder, fuse
from ddlivm.errors import InputError

SPEC = EncoderSpec("pyramid", (8, 16, 24, 32), (1, 0, 2, 1))


def test_both_pyramids_meet_on_one_grid():
    infrared, visible = build_encoder(SPEC, "infrared"), build_encoder(SPEC, "visible")
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


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="'convnext' is unknown"):
        build_encoder(EncoderSpec("convnext", (8, 8, 8, 8), (1, 1, 1, 1)), "visible")
