import pytest
import torch

from ddlivm.detector.architecture import Dinov2Spec, InfmaeSpec, ResidualSpec, TimmSpec
from ddlivm.detector.encoders import build_encoder, fuse
from ddlivm.detector.residual import ResidualBlock

RESIDUAL = ResidualSpec((8, 16, 24, 32), (1, 0, 2, 1))
INFMAE = InfmaeSpec((8, 16, 24), (1, 0, 2), heads=3, grid=4, antialias=False)
DINOV2 = Dinov2Spec(
    24, 6, 4, 0, 5, antialias=False, position_offset=0.1, taps=None, norm_taps=True, summed=False, compact=False
)
TIMM = TimmSpec("tf_efficientnet_lite0", (24, 40, 112, 320))


@pytest.mark.parametrize("infrared_spec", [INFMAE, RESIDUAL, TIMM], ids=lambda spec: spec.kind)
@pytest.mark.parametrize("visible_spec", [DINOV2, RESIDUAL, TIMM], ids=lambda spec: spec.kind)
def test_both_pyramids_meet_on_one_grid(infrared_spec, visible_spec):
    infrared, visible = build_encoder(infrared_spec, "infrared"), build_encoder(visible_spec, "visible")
    levels = infrared(torch.zeros(2, 1, 64, 96)), visible(torch.zeros(2, 3, 112, 168))
    channels = zip(infrared_spec.channels, visible_spec.channels, strict=True)
    for level, (first, second), stride in zip(fuse(*levels), channels, (4, 8, 16, 32), strict=True):
        assert level.shape == (2, first + second, 64 // stride, 96 // stride)
    assert torch.equal(fuse(*levels)[1][:, : infrared_spec.channels[1]], levels[0][1])


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
    encoder = build_encoder(RESIDUAL, "infrared").eval()
    flat = torch.full((1, 1, 64, 64), 1.0)
    with torch.no_grad():
        once, twice = encoder(flat)[0], encoder(2 * flat)[0]
    inside = (slice(None), slice(None), slice(4, 12), slice(4, 12))
    assert (twice[inside] - once[inside]).norm() > 0.5 * once[inside].norm()
