"""InfMAE's encoder, the infrared stream of the paper (3.2), with the key names of its public checkpoint."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.detector.architecture import InfmaeSpec
from ddlivm.detector.positions import resized, sines_and_cosines
from ddlivm.detector.recomputation import Recomputing

MLP_RATIO = 4


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each position; channels-last memory makes both permutations free."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvolutionMlp(nn.Module):
    """Two 1x1 convolutions with a GELU between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, dim * MLP_RATIO, 1)
        self.fc2 = nn.Conv2d(dim * MLP_RATIO, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x)))


class ConvolutionBlock(nn.Module):
    """A block of stages 1 and 2: a depthwise 5x5 between two 1x1 convolutions, then an MLP, both residual."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.norm2 = ChannelNorm(dim)
        self.mlp = ConvolutionMlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        x = x + self.conv2(self.attn(self.conv1(self.norm1(x))))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Self-attention with one projection for queries, keys and values."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, dim) to the same shape."""
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, dim * MLP_RATIO)
        self.fc2 = nn.Linear(dim * MLP_RATIO, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, dim) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x)))


class TransformerBlock(nn.Module):
    """A block of stage 3: attention, then an MLP, each behind a norm and both residual."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N, dim) to the same shape."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """A convolution of equal kernel and stride, layer normalisation and GELU: how each stage is entered."""

    def __init__(self, inputs: int, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, dim, patch, stride=patch)
        self.norm = ChannelNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, dim, H / patch, W / patch)."""
        return F.gelu(self.norm(self.proj(x)))


class InfmaeEncoder(Recomputing):
    """Convolutions at strides 4 and 8, a transformer at stride 16, and one convolution more for stride 32.

    The outputs are not normalised: the pretraining's last norm belongs to its decoder. The fourth level is DD-LIVM's
    own and in no public file.

    Args:
        spec: dims, depths, heads and the position table's side.
    """

    def __init__(self, spec: InfmaeSpec) -> None:
        super().__init__()
        first, second, third = spec.dims
        self.channels = spec.channels
        self.antialias = spec.antialias
        self.patch_embed1 = PatchEmbedding(3, first, 4)
        self.patch_embed2 = PatchEmbedding(first, second, 2)
        self.patch_embed3 = PatchEmbedding(second, third, 2)
        self.patch_embed4 = nn.Linear(third, third)
        self.pos_embed = nn.Parameter(sines_and_cosines(spec.grid, third), requires_grad=False)
        self.blocks1 = nn.ModuleList(ConvolutionBlock(first) for _ in range(spec.depths[0]))
        self.blocks2 = nn.ModuleList(ConvolutionBlock(second) for _ in range(spec.depths[1]))
        self.blocks3 = nn.ModuleList(TransformerBlock(third, spec.heads) for _ in range(spec.depths[2]))
        self.fourth_level = nn.Conv2d(third, third, 3, stride=2, padding=1)
        self.apply(_initialise)
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 1 or 3, H, W) into four maps of `channels` at strides 4, 8, 16 and 32; grey fills all channels."""
        first = self._through(self.blocks1, self.patch_embed1(image.expand(-1, 3, -1, -1)))
        second = self._through(self.blocks2, self.patch_embed2(first))
        patches = self.patch_embed3(second)
        rows, columns = patches.shape[2:]
        tokens = self.patch_embed4(patches.flatten(2).transpose(1, 2))
        tokens = tokens + resized(self.pos_embed, (rows, columns), self.antialias)
        third = self._through(self.blocks3, tokens).transpose(1, 2).unflatten(2, (rows, columns))
        return first, second, third, self.fourth_level(third)

    def _through(self, blocks: nn.ModuleList, x: Tensor) -> Tensor:
        for block in blocks:
            x = self.run(block, x)
        return x


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
