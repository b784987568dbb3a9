import math

import pytest
import torch

from ddlivm.detector.architecture import InfmaeSpec
from ddlivm.detector.infmae import InfmaeEncoder
from ddlivm.detector.positions import resized, sines_and_cosines
from tests.detector import plain

SPEC = InfmaeSpec((4, 6, 24), (1, 2, 2), heads=3, grid=3, antialias=False)
PAPER = InfmaeSpec((256, 384, 768), (2, 2, 11), heads=12, grid=14, antialias=False)


def channel_norm(x, state, prefix, epsilon=1e-5):
    return plain.normalise(x, state[f"{prefix}.weight"], state[f"{prefix}.bias"], epsilon)


def pointwise(x, state, prefix):
    return x @ state[f"{prefix}.weight"][:, :, 0, 0].T + state[f"{prefix}.bias"]


def shifted(x, dy, dx):
    """Move (B, h, w, C) by (dy, dx), zeros coming in."""
    padded = torch.nn.functional.pad(x, (0, 0, 2, 2, 2, 2))
    return padded[:, 2 + dy : 2 + dy + x.shape[1], 2 + dx : 2 + dx + x.shape[2]]


def convolution_block(x, state, prefix):
    y = pointwise(channel_norm(x, state, f"{prefix}.norm1"), state, f"{prefix}.conv1")
    kernel = state[f"{prefix}.attn.weight"]
    taps = sum(shifted(y, dy - 2, dx - 2) * kernel[:, 0, dy, dx] for dy in range(5) for dx in range(5))
    x = x + pointwise(taps + state[f"{prefix}.attn.bias"], state, f"{prefix}.conv2")
    hidden = plain.gelu(pointwise(channel_norm(x, state, f"{prefix}.norm2"), state, f"{prefix}.mlp.fc1"))
    return x + pointwise(hidden, state, f"{prefix}.mlp.fc2")


def enter(x, state, prefix):
    """Embed patches of (B, h, w, C)."""
    cut = plain.patches(x.permute(0, 3, 1, 2), state[f"{prefix}.proj.weight"], state[f"{prefix}.proj.bias"])
    return plain.gelu(channel_norm(cut, state, f"{prefix}.norm"))


def described(image, state, spec):
    """Encode (B, 1, H, W) as InfMAE's description has it; maps (B, h, w, C)."""
    x = image.repeat(1, 3, 1, 1).permute(0, 2, 3, 1)
    levels = []
    for stage in (1, 2):
        x = enter(x, state, f"patch_embed{stage}")
        for index in range(spec.depths[stage - 1]):
            x = convolution_block(x, state, f"blocks{stage}.{index}")
        levels.append(x)
    x = enter(x, state, "patch_embed3")
    grid = x.shape[1:3]
    tokens = x.flatten(1, 2) @ state["patch_embed4.weight"].T + state["patch_embed4.bias"]
    tokens = tokens + plain.positions(state["pos_embed"], grid)
    for index in range(spec.depths[2]):
        tokens = plain.block(tokens, state, f"blocks3.{index}", spec.heads)
    third = tokens.unflatten(1, grid)
    kernel = state["fourth_level.weight"]
    fourth = sum(
        shifted(third, dy - 1, dx - 1)[:, ::2, ::2] @ kernel[:, :, dy, dx].T for dy in range(3) for dx in range(3)
    )
    return [*levels, third, fourth + state["fourth_level.bias"]]


@pytest.mark.parametrize("grid", [(3, 3), (4, 2), (2, 6)])
def test_the_forward_is_what_the_description_says(grid):
    encoder = InfmaeEncoder(SPEC)
    state = plain.randomise(encoder)
    image = torch.randn(2, 1, 16 * grid[0], 16 * grid[1], dtype=torch.float64, generator=torch.Generator())
    for level, expected in zip(encoder(image), described(image, state, SPEC), strict=True):
        assert level.shape == expected.permute(0, 3, 1, 2).shape
        assert torch.allclose(level.permute(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-5 * expected.std().item())


def test_it_has_the_keys_shapes_and_parameters_of_the_public_file():
    """The detection path of the public file has 84,604,288 values; the fourth level is ours."""
    with torch.device("meta"):
        encoder = InfmaeEncoder(PAPER)
    shapes = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    own = {key: shapes.pop(key) for key in tuple(shapes) if key.startswith("fourth_level.")}
    assert shapes == public_shapes()
    assert sum(map(math.prod, shapes.values())) == 84_604_288
    assert sum(map(math.prod, own.values())) == 5_309_184
    levels = encoder(torch.empty(1, 1, 448, 448, device="meta"))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (256, 112, 112),
        (384, 56, 56),
        (768, 28, 28),
        (768, 14, 14),
    ]


def public_shapes(dims=(256, 384, 768), depths=(2, 2, 11), grid=14):
    """Return the names and shapes of the public file's detection path."""
    shapes: dict[str, tuple[int, ...]] = {"pos_embed": (1, grid**2, dims[2])}

    def affine(name, outputs, *rest):
        shapes[f"{name}.weight"] = (outputs, *rest)
        shapes[f"{name}.bias"] = (outputs,)

    for stage, (dim, inputs, patch) in enumerate(zip(dims, (3, *dims), (4, 2, 2), strict=False), start=1):
        affine(f"patch_embed{stage}.proj", dim, inputs, patch, patch)
        affine(f"patch_embed{stage}.norm", dim)
    affine("patch_embed4", dims[2], dims[2])
    for stage, (dim, depth) in enumerate(zip(dims, depths, strict=True), start=1):
        ends = (1, 1) if stage < 3 else ()
        for index in range(depth):
            prefix = f"blocks{stage}.{index}"
            affine(f"{prefix}.norm1", dim)
            affine(f"{prefix}.norm2", dim)
            affine(f"{prefix}.mlp.fc1", 4 * dim, dim, *ends)
            affine(f"{prefix}.mlp.fc2", dim, 4 * dim, *ends)
            if stage == 3:
                affine(f"{prefix}.attn.qkv", 3 * dim, dim)
                affine(f"{prefix}.attn.proj", dim, dim)
            else:
                affine(f"{prefix}.conv1", dim, dim, 1, 1)
                affine(f"{prefix}.conv2", dim, dim, 1, 1)
                affine(f"{prefix}.attn", dim, 1, 5, 5)
    return shapes


def test_positions_are_sines_and_cosines_of_column_then_row():
    table = sines_and_cosines(3, 8).reshape(3, 3, 8)
    column, row = 2, 1
    angles = [1.0, 10_000**-0.5]
    expected = [
        function(index * angle) for index in (column, row) for function in (math.sin, math.cos) for angle in angles
    ]
    assert table[row, column].tolist() == pytest.approx(expected)


def test_positions_are_fixed_and_keep_their_own_grid():
    encoder = InfmaeEncoder(SPEC)
    before = encoder.pos_embed.clone()
    sum(level.sum() for level in encoder(torch.zeros(1, 1, 64, 64))).backward()
    assert encoder.pos_embed.grad is None
    assert torch.equal(encoder.pos_embed, before)
    assert resized(before, (3, 3), True) is before


@pytest.mark.parametrize("grid", [(9, 7), (4, 3), (6, 5)])
def test_positions_are_resized_by_cubic_interpolation(grid):
    table = torch.randn(1, 36, 4, generator=torch.Generator().manual_seed(0))
    plainly = plain.positions(table, grid)
    assert torch.allclose(resized(table, grid, antialias=False), plainly, atol=1e-5)
    smoothly = plain.positions(table, grid, plain.smooth_bicubic_matrix)
    assert torch.allclose(resized(table, grid, antialias=True), smoothly, atol=1e-5)


def test_recomputing_gives_the_same_gradients():
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        encoder = InfmaeEncoder(SPEC)
        encoder.gradient_checkpointing = recompute
        sum(level.square().mean() for level in encoder(torch.ones(1, 1, 32, 32))).backward()
        gradients.append([p.grad for p in encoder.parameters() if p.requires_grad])
    assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))


def test_recomputing_keeps_less():
    encoder = InfmaeEncoder(SPEC)
    kept = []
    for recompute in (False, True):
        encoder.gradient_checkpointing = recompute
        kept.append(0)

        def pack(tensor):
            kept[-1] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encoder(torch.zeros(1, 1, 64, 64))
    assert kept[1] < kept[0] / 2
