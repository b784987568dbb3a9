from dataclasses import replace
from functools import partial

import pytest
import torch

from ddlivm.detector.architecture import Dinov2Spec
from ddlivm.detector.dinov2 import Dinov2Encoder, compact_size
from tests.detector import plain

SPEC = Dinov2Spec(
    24, 6, 3, 0, 5, antialias=False, position_offset=0.1, taps=None, norm_taps=True, summed=False, compact=False
)
PAPER = replace(SPEC, dim=1024, depth=24, heads=16, grid=37)
WEIGHTS = (0.5, 0.2, 0.1)


def states(image, state, spec):
    """Return every block's patch tokens (B, rows, columns, D), as DINOv2's description has it."""
    x = plain.patches(image, state["vit.patch_embed.proj.weight"], state["vit.patch_embed.proj.bias"])
    grid = x.shape[1:3]
    table, first = state["vit.pos_embed"], state["vit.cls_token"]
    if not spec.registers:
        first, table = first + table[:, :1], table[:, 1:]
    matrix = (
        plain.smooth_bicubic_matrix if spec.antialias else partial(plain.bicubic_matrix, offset=spec.position_offset)
    )
    x = x.flatten(1, 2) + (table if grid == (spec.grid, spec.grid) else plain.positions(table, grid, matrix))
    before = torch.cat([first, state["vit.reg_token"]], 1) if spec.registers else first
    x = torch.cat([before.expand(len(x), -1, -1), x], 1)
    blocks = []
    for index in range(spec.depth):
        x = plain.block(x, state, f"vit.blocks.{index}", spec.heads)
        blocks.append(x[:, before.shape[1] :].unflatten(1, grid))
    return blocks


def last_norm(x, state):
    return plain.normalise(x, state["vit.norm.weight"], state["vit.norm.bias"], 1e-6)


def pooled(x, side):
    """Average (B, h, w, D) over squares."""
    return x.unflatten(2, (-1, side)).unflatten(1, (-1, side)).mean(dim=(2, 4))


def described(image, state, spec):
    """Return the pyramid, maps (B, h, w, D)."""
    blocks = states(image, state, spec)
    last = last_norm(blocks[-1], state)
    taps = [blocks[number - 1] for number in spec.taps or (1, 2, 3)]
    if spec.norm_taps:
        taps = [last_norm(tap, state) for tap in taps]
    if spec.summed:
        second = last + sum(weight * tap for weight, tap in zip(WEIGHTS, taps, strict=True))
        sums = [second] * 3
    else:
        second = last
        sums = [last + weight * tap for weight, tap in zip(WEIGHTS, taps, strict=True)]
    finest = sums[0].repeat_interleave(2, 1).repeat_interleave(2, 2)
    return [finest, second, pooled(sums[1], 2), pooled(sums[2], 4)]


@pytest.mark.parametrize("grid", [(4, 4), (8, 4), (4, 12)])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"registers": 3},
        {"registers": 3, "antialias": True, "position_offset": 0.0},
        {"position_offset": 0.0},
        {"grid": 4},
        {"norm_taps": False},
        {"summed": True},
        {"taps": (5, 2, 6)},
    ],
    ids=lambda change: "-".join(change) or "plain",
)
def test_the_forward_is_what_the_description_says(grid, change):
    spec = replace(SPEC, **change)
    encoder = Dinov2Encoder(spec)
    state = plain.randomise(encoder)
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 3, 14 * grid[0], 14 * grid[1], dtype=torch.float64, generator=generator)
    for level, expected in zip(encoder(image), described(image, state, spec), strict=True):
        assert level.shape == expected.permute(0, 3, 1, 2).shape
        assert torch.allclose(level.permute(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-5 * expected.std().item())


def test_the_taps_are_at_a_sixth_a_third_and_a_half():
    assert PAPER.tapped == (4, 8, 12)
    assert [replace(SPEC, depth=depth).tapped for depth in (12, 6, 4, 1)] == [
        (2, 4, 6),
        (1, 2, 3),
        (1, 1, 2),
        (1, 1, 1),
    ]
    assert replace(SPEC, taps=(6, 1, 2)).tapped == (6, 1, 2)


def test_compact_encodes_the_image_at_the_infrared_size_and_keeps_the_maps():
    """56 x 112 visible pixels are 32 x 64 infrared ones, which is nearest to 2 x 5 patches; maps go to 4 x 8 cells."""
    spec = replace(SPEC, compact=True)
    encoder = Dinov2Encoder(spec)
    state = plain.randomise(encoder)
    image = torch.randn(1, 3, 56, 112, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert compact_size((4, 8)) == (28, 70)
    assert compact_size((56, 56)) == (448, 448)
    small = torch.nn.functional.interpolate(image, (28, 70), mode="bilinear", antialias=True)
    last = last_norm(states(small, state, spec)[-1], state)
    matrices = [linear_matrix(2, 4), linear_matrix(5, 8)]
    expected = torch.einsum("yr,xc,brcd->byxd", *matrices, last)
    levels = encoder(image)
    assert [tuple(level.shape[2:]) for level in levels] == [(8, 16), (4, 8), (2, 4), (1, 2)]
    assert torch.allclose(levels[1].permute(0, 2, 3, 1), expected, atol=1e-5)


def linear_matrix(old, new):
    """Return (new, old) weights of linear interpolation between pixel centres, edges repeated."""
    matrix = torch.zeros(new, old, dtype=torch.float64)
    for index in range(new):
        centre = (index + 0.5) * old / new - 0.5
        low = int(centre // 1)
        for tap, share in ((low, 1 - centre % 1), (low + 1, centre % 1)):
            matrix[index, min(max(tap, 0), old - 1)] += share
    return matrix


def test_it_has_the_parameters_and_shapes_of_the_public_file():
    with torch.device("meta"):
        encoder = Dinov2Encoder(PAPER)
        with_registers = Dinov2Encoder(replace(PAPER, registers=4))
    assert sum(p.numel() for p in encoder.parameters()) == 304_367_616
    # Four registers more; the class token's position is in the token.
    assert sum(p.numel() for p in with_registers.parameters()) == 304_367_616 + 4 * 1024 - 1024
    assert len(encoder.state_dict()) == 342
    levels = encoder(torch.empty(1, 3, 784, 784, device="meta"))
    assert [tuple(level.shape[1:]) for level in levels] == [(1024, side, side) for side in (112, 56, 28, 14)]


def test_recomputing_gives_the_same_gradients():
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        encoder = Dinov2Encoder(SPEC)
        encoder.gradient_checkpointing = recompute
        sum(level.square().mean() for level in encoder(torch.ones(1, 3, 56, 56))).backward()
        gradients.append([p.grad for p in encoder.parameters()])
    assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))
