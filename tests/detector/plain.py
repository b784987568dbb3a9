"""Transformers' parts in plain tensor operations, to hold modules against; from the models' descriptions."""

import math

import torch


def normalise(x, weight, bias, epsilon):
    """Layer normalisation over the last axis."""
    mean = x.mean(-1, keepdim=True)
    variance = (x - mean).square().mean(-1, keepdim=True)
    return (x - mean) / (variance + epsilon).sqrt() * weight + bias


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def patches(image, weight, bias):
    """Multiply patches (B, C, H, W) -> (B, H/p, W/p, D) that do not overlap."""
    side = weight.shape[-1]
    batch, channels, height, width = image.shape
    cut = image.reshape(batch, channels, height // side, side, width // side, side)
    return torch.einsum("bcypxq,dcpq->byxd", cut, weight) + bias


def attention(x, state, prefix, heads):
    """Softmax attention of (B, N, D), one head at a time."""
    dim = x.shape[-1] // heads
    query, key, value = (
        x @ state[f"{prefix}.qkv.weight"].chunk(3)[part].T + state[f"{prefix}.qkv.bias"].chunk(3)[part]
        for part in range(3)
    )
    mixed = []
    for head in range(heads):
        own = slice(head * dim, (head + 1) * dim)
        scores = torch.einsum("bnd,bmd->bnm", query[..., own], key[..., own]) / math.sqrt(dim)
        shares = (scores - scores.amax(-1, keepdim=True)).exp()
        mixed.append(torch.einsum("bnm,bmd->bnd", shares / shares.sum(-1, keepdim=True), value[..., own]))
    return torch.cat(mixed, -1) @ state[f"{prefix}.proj.weight"].T + state[f"{prefix}.proj.bias"]


def mlp(x, state, prefix):
    hidden = gelu(x @ state[f"{prefix}.fc1.weight"].T + state[f"{prefix}.fc1.bias"])
    return hidden @ state[f"{prefix}.fc2.weight"].T + state[f"{prefix}.fc2.bias"]


def block(x, state, prefix, heads):
    """A pre-norm transformer block, with LayerScale where the state has it."""

    def norm(x, part):
        return normalise(x, state[f"{prefix}.norm{part}.weight"], state[f"{prefix}.norm{part}.bias"], 1e-6)

    x = x + state.get(f"{prefix}.ls1.gamma", 1.0) * attention(norm(x, 1), state, f"{prefix}.attn", heads)
    return x + state.get(f"{prefix}.ls2.gamma", 1.0) * mlp(norm(x, 2), state, f"{prefix}.mlp")


def cubic(distance, a):
    """Keys' kernel."""
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def bicubic_matrix(old, new, offset=0.0):
    """Return (new, old) weights of cubic interpolation (a = -0.75) between pixel centres, edges repeated.

    The offset is added to the new count where distances are computed, as DINOv2 does it.
    """
    matrix = torch.zeros(new, old, dtype=torch.float64)
    for index in range(new):
        centre = (index + 0.5) * old / (new + offset) - 0.5
        for tap in range(math.floor(centre) - 1, math.floor(centre) + 3):
            matrix[index, min(max(tap, 0), old - 1)] += cubic(centre - tap, -0.75)
    return matrix


def smooth_bicubic_matrix(old, new):
    """Return (new, old) weights of the smoothing kind: a = -0.5, wider where it shrinks, nothing beyond the edges."""
    matrix = torch.zeros(new, old, dtype=torch.float64)
    scale = max(old / new, 1.0)
    for index in range(new):
        centre = (index + 0.5) * old / new - 0.5
        for tap in range(old):
            matrix[index, tap] = cubic((centre - tap) / scale, -0.5)
    return matrix / matrix.sum(dim=1, keepdim=True)


def positions(table, grid, matrix=bicubic_matrix):
    """Resize a square table (1, n * n, D) to (1, rows * columns, D)."""
    side = math.isqrt(table.shape[1])
    square = table.reshape(side, side, -1)
    rows, columns = (matrix(side, new).to(table.dtype) for new in grid)
    return torch.einsum("yr,xc,rcd->yxd", rows, columns, square).reshape(1, grid[0] * grid[1], -1)


def randomise(module, seed=0):
    """Give every parameter random values, so that no scale or bias goes untested; return the state, float64."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            offset = 1.0 if parameter.ndim == 1 else 0.0
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(offset + 0.3 * noise)
    return {key: value.clone() for key, value in module.state_dict().items()}
