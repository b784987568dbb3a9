"""Swin transformer, first version: BiRefNet's backbone.

A window's tokens attend to each other. Every second block shifts the windows by half their side, so that neighbours
of the block before meet; what the shift brings together across the map's border is kept apart by a mask.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.segmentation.birefnet.sizes import Size

PATCH = 4
MLP_RATIO = 4


class Swin(nn.Module):
    """The four stages.

    Args:
        size: widths, depths, heads and window.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(size.width)
        self.layers = nn.ModuleList(
            Stage(channels, depth, heads, size.window, last=index == 3)
            for index, (channels, depth, heads) in enumerate(zip(size.channels, size.depths, size.heads, strict=True))
        )
        for index, channels in enumerate(size.channels):
            self.add_module(f"norm{index}", nn.LayerNorm(channels))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps (B, C, H/s, W/s) at strides s of 4, 8, 16 and 32, rounded up, of an image (B, 3, H, W)."""
        x = self.patch_embed(image)
        maps = []
        for index, layer in enumerate(self.layers):
            x, smaller = layer(x)
            maps.append(self.get_submodule(f"norm{index}")(x).permute(0, 3, 1, 2).contiguous())
            x = smaller
        return maps


class PatchEmbedding(nn.Module):
    """One token for each 4x4 pixels; an image that is no multiple is filled up with zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, H/4, W/4, C) tokens."""
        height, width = image.shape[-2:]
        return self.norm(self.proj(F.pad(image, (0, -width % PATCH, 0, -height % PATCH))).permute(0, 2, 3, 1))


class Stage(nn.Module):
    """The blocks at one stride, and the way to the next."""

    def __init__(self, channels: int, depth: int, heads: int, window: int, last: bool) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(Block(channels, heads, window, shifted=index % 2 == 1) for index in range(depth))
        self.downsample = None if last else PatchMerging(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (B, H, W, C) tokens after the blocks, and those of the next stride, or the same where none is."""
        apart = shift_mask(x.shape[1], x.shape[2], self.window, x.device)
        for block in self.blocks:
            x = block(x, apart)
        return x, x if self.downsample is None else self.downsample(x)


class PatchMerging(nn.Module):
    """Halve the sides: four neighbours' channels become twice one's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, H/2, W/2, 2C), rounded up, of (B, H, W, C)."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class Block(nn.Module):
    """Attention within windows, then two linear layers, each beside a shortcut."""

    def __init__(self, channels: int, heads: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels)

    def forward(self, x: Tensor, apart: Tensor) -> Tensor:
        """Return (B, H, W, C) of the same.

        Args:
            x: tokens.
            apart: `shift_mask` of the map.
        """
        x = x + self._attend(self.norm1(x), apart)
        return x + self.mlp(self.norm2(x))

    def _attend(self, x: Tensor, apart: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        x = F.pad(x, (0, 0, 0, -width % self.window, 0, -height % self.window))
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
        windows = self.attn(to_windows(x, self.window), apart if self.shift else None)
        x = from_windows(windows, x.shape[1], x.shape[2])
        if self.shift:
            x = x.roll((self.shift, self.shift), (1, 2))
        return x[:, :height, :width]


class Mlp(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, MLP_RATIO * channels)
        self.fc2 = nn.Linear(MLP_RATIO * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., C) of the same."""
        return self.fc2(F.gelu(self.fc1(x)))


class WindowAttention(nn.Module):
    """Multi-head attention with a learnt bias for each distance between two tokens of a window."""

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", _distances(window))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, windows: Tensor, apart: Tensor | None) -> Tensor:
        """Return (B·n, t, C) tokens of the same.

        Args:
            windows: each image's n windows of t tokens.
            apart: (n, t, t), added to the attention; None for nothing.
        """
        count, tokens, channels = windows.shape
        qkv = self.qkv(windows).reshape(count, tokens, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)[None]
        if apart is not None:
            bias = (bias + apart[:, None]).repeat(count // len(apart), 1, 1, 1)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        return self.proj(attended.transpose(1, 2).reshape(count, tokens, channels))


def _distances(window: int) -> Tensor:
    """Return (t, t) int64: the table's row for each two of a window's t tokens."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    rows, columns = places[:, :, None] - places[:, None, :] + window - 1
    return rows * (2 * window - 1) + columns


def to_windows(x: Tensor, window: int) -> Tensor:
    """Cut (B, H, W, C), sides multiples of the window, into (B·n, t, C): row by row."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // window, window, width // window, window, channels)
    return x.transpose(2, 3).reshape(-1, window * window, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Put windows of `to_windows` together as (B, H, W, C) again."""
    window, channels = round(windows.shape[1] ** 0.5), windows.shape[2]
    x = windows.reshape(-1, height // window, width // window, window, window, channels)
    return x.transpose(2, 3).reshape(-1, height, width, channels)


def shift_mask(height: int, width: int, window: int, device: torch.device) -> Tensor:
    """Return (n, t, t) float32 to add to attention: 0 between neighbours before the shift, -inf between others."""

    def regions(side: int) -> Tensor:
        places = torch.arange(-(-side // window) * window, device=device)
        last = len(places) - window
        return (places >= last).long() + (places >= last + window - window // 2).long()

    labels = 3 * regions(height)[:, None] + regions(width)[None, :]
    windows = to_windows(labels[None, ..., None], window)[..., 0]
    strangers = windows[:, :, None] != windows[:, None, :]
    return torch.zeros(strangers.shape, device=device).masked_fill(strangers, -torch.inf)
