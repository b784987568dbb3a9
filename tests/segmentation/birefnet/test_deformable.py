import torch
from torch.nn import functional as F

from ddlivm.segmentation.birefnet.deformable import DecoderBlock, DeformableConvolution


def fresh(side: int) -> tuple[DeformableConvolution, torch.Tensor]:
    torch.manual_seed(0)
    return DeformableConvolution(4, 6, side), torch.randn(2, 4, 9, 11)


def test_without_offsets_it_is_a_plain_convolution():
    for side in (1, 3, 7):
        convolution, x = fresh(side)
        expected = F.conv2d(x, convolution.regular_conv.weight, padding=side // 2)
        torch.testing.assert_close(convolution(x), expected)


def test_offsets_move_every_tap_rows_first():
    convolution, x = fresh(3)
    with torch.no_grad():
        bias = convolution.get_parameter("offset_conv.bias")
        bias[0::2] = 1.0  # down
        bias[1::2] = -2.0  # left
    plain = F.conv2d(x, convolution.regular_conv.weight, padding=1)
    torch.testing.assert_close(convolution(x)[:, :, 1:-2, 3:-1], plain[:, :, 2:-1, 1:-3])


def test_the_modulation_weighs_between_none_and_twice():
    convolution, x = fresh(3)
    plain = F.conv2d(x, convolution.regular_conv.weight, padding=1)
    for bias, weight in ((-30.0, 0.0), (0.0, 1.0), (30.0, 2.0)):
        torch.nn.init.constant_(convolution.get_parameter("modulator_conv.bias"), bias)
        torch.testing.assert_close(convolution(x), weight * plain)


def test_a_decoder_block_keeps_the_sides():
    assert DecoderBlock(10, 24).eval()(torch.zeros(2, 10, 5, 7)).shape == (2, 24, 5, 7)
