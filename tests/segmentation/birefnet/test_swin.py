import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ddlivm.segmentation.birefnet.sizes import SIZES
from ddlivm.segmentation.birefnet.swin import Block, PatchMerging, Swin, from_windows, shift_mask, to_windows

WINDOW = 4


def block(shifted: bool) -> Block:
    torch.manual_seed(0)
    made = Block(8, 2, WINDOW, shifted)
    torch.nn.init.normal_(made.attn.relative_position_bias_table)
    return made.double().eval()


def plain_attention(made: Block, x: torch.Tensor) -> torch.Tensor:
    """Attend token by token: to those of the same shifted window that were no strangers before the shift."""
    attn, heads = made.attn, made.attn.heads
    batch, height, width, channels = x.shape
    tall, wide = (-(-side // WINDOW) * WINDOW for side in (height, width))
    full = F.pad(x, (0, 0, 0, wide - width, 0, tall - height))
    query, key, value = attn.qkv(full).reshape(batch, tall, wide, 3, heads, channels // heads).unbind(3)
    out = torch.zeros(batch, height, width, heads, channels // heads, dtype=x.dtype)
    for row in range(height):
        for column in range(width):
            # Windows begin `shift` later; what would wrap around the border is a window of its own.
            meets = [
                (r, c)
                for r in range(tall)
                for c in range(wide)
                if (r - made.shift) // WINDOW == (row - made.shift) // WINDOW
                and (c - made.shift) // WINDOW == (column - made.shift) // WINDOW
            ]
            rows, columns = (list(places) for places in zip(*meets, strict=True))
            bias = [
                attn.relative_position_bias_table[(row - r + WINDOW - 1) * (2 * WINDOW - 1) + column - c + WINDOW - 1]
                for r, c in meets
            ]
            scores = (query[:, row, column, None] * key[:, rows, columns]).sum(-1) / (channels // heads) ** 0.5
            weights = torch.softmax(scores + torch.stack(bias), dim=1)
            out[:, row, column] = (weights[..., None] * value[:, rows, columns]).sum(1)
    return attn.proj(out.reshape(batch, height, width, channels))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (8, 12), (6, 5), (3, 4)])
def test_windows_attend_as_a_plain_computation_says(shifted: bool, size: tuple[int, int]):
    made = block(shifted)
    x = torch.randn(2, *size, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.inference_mode():
        expected = x + plain_attention(made, made.norm1(x))
        expected = expected + made.mlp(made.norm2(expected))
        found = made(x, shift_mask(*size, WINDOW, x.device).double())
    torch.testing.assert_close(found, expected)


def test_cutting_into_windows_and_back_loses_nothing():
    x = torch.arange(2 * 8 * 12 * 3).reshape(2, 8, 12, 3)
    windows = to_windows(x, 4)
    assert windows.shape == (12, 16, 3)
    assert torch.equal(windows[1].reshape(4, 4, 3), x[0, :4, 4:8])
    assert torch.equal(from_windows(windows, 8, 12), x)


def test_merging_takes_four_neighbours_in_the_public_order():
    merge = PatchMerging(1)
    torch.nn.init.eye_(merge.reduction.weight)
    x = torch.tensor([[[1.0], [2.0]], [[3.0], [5.0]]])[None]
    # Upper left and lower left come first, then upper right and lower right.
    values = np.array([1.0, 3.0, 2.0, 5.0])
    expected = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
    np.testing.assert_allclose(merge(x).detach().ravel().numpy(), expected[:2], rtol=1e-5)


def test_maps_come_at_four_strides_rounded_up():
    maps = Swin(SIZES["tiny"])(torch.zeros(1, 3, 61, 90))
    assert [tuple(each.shape) for each in maps] == [(1, 16, 16, 23), (1, 32, 8, 12), (1, 64, 4, 6), (1, 128, 2, 3)]
