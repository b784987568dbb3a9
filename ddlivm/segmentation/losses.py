"""The loss of background removal (Eq. 1), and what BiRefNet's decoder is supervised by beside it."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from ddlivm.segmentation.network import Decoded

WINDOW = 11
SIGMA = 1.5
"""SSIM's Gaussian window, as in BiRefNet."""
LAPLACIAN = 5
"""Side of the kernel that shows where an image changes."""

Weights = tuple[float, float, float]


def supervised_loss(decoded: Decoded, images: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """Return Eq. 1 of the answer and of each side map, plus BiRefNet's gradient supervision where there are any.

    Args:
        decoded: of the images; side maps are enlarged to the answer's size, the target is shrunk to it.
        images: (B, 3, H, W), normalised.
        target: (B, 1, H, W) in [0, 1].
        weights: α.
    """
    target = F.interpolate(target, size=tuple(decoded.logits.shape[-2:]), mode="area")
    sides = [_enlarge(side, target) for side in decoded.sides]
    loss = sum(
        (background_removal_loss(logits.float(), target, weights) for logits in (*sides, decoded.logits)),
        target.new_zeros(()),
    )
    if not decoded.gradients:
        return loss
    change = laplacian(images.float().mean(dim=1, keepdim=True))
    for gradient, side in zip(decoded.gradients, sides, strict=True):
        # Where the image changes inside what is thought to be panel; what is thought so is not to bend to it.
        label = torch.sigmoid(change * side.float().detach())
        loss = loss + F.binary_cross_entropy_with_logits(_enlarge(gradient, target).float(), label)
    return loss


def laplacian(grey: Tensor) -> Tensor:
    """Return each pixel's 5x5 neighbourhood's sum less 25 times the pixel, over 48: (B, 1, H, W) of the same."""
    margin = LAPLACIAN // 2
    mean = F.avg_pool2d(F.pad(grey, (margin,) * 4, mode="reflect"), LAPLACIAN, stride=1)
    return (mean - grey) * (LAPLACIAN**2 / (2 * (LAPLACIAN**2 - 1)))


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


def background_removal_loss(logits: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """Return α₁ SSIM + α₂ BCE + α₃ L1 between the predicted and the true mask.

    The paper prints α = (0.1, 1, 0.3); BiRefNet's matting weights in the same order would be (0.1, 0.3, 1.0).

    Args:
        logits: (B, 1, H, W).
        target: (B, 1, H, W) in [0, 1].
        weights: α.
    """
    predicted = torch.sigmoid(logits)
    parts = (
        ssim_loss(predicted, target),
        F.binary_cross_entropy_with_logits(logits, target),
        F.l1_loss(predicted, target),
    )
    return sum((weight * part for weight, part in zip(weights, parts, strict=True)), logits.new_zeros(()))


def ssim_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return 1 - (1 + SSIM) / 2, SSIM being the mean over an 11x11 Gaussian window, for masks in [0, 1]."""
    stacked = torch.cat([predicted, target, predicted**2, target**2, predicted * target])
    blurred = _blur(stacked)
    mean_p, mean_t, square_p, square_t, product = blurred.chunk(5)
    variance_p, variance_t = square_p - mean_p**2, square_t - mean_t**2
    covariance = product - mean_p * mean_t
    c1, c2 = 0.01**2, 0.03**2
    ssim = ((2 * mean_p * mean_t + c1) * (2 * covariance + c2)) / (
        (mean_p**2 + mean_t**2 + c1) * (variance_p + variance_t + c2)
    )
    return (1 - ssim.mean()) / 2


def _blur(x: Tensor) -> Tensor:
    # Two products with a banded matrix: on a CPU a convolution of one channel takes five times as long to go back.
    height, width = x.shape[-2:]
    return _band(height).to(x) @ x @ _band(width).to(x)


@lru_cache(maxsize=8)
def _band(side: int) -> Tensor:
    """Return the (side, side) symmetric matrix that blurs one axis; zeros lie beyond the edges."""
    offsets = torch.arange(WINDOW, dtype=torch.float32) - WINDOW // 2
    kernel = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    places = torch.arange(side)
    distance = places[:, None] - places[None, :] + WINDOW // 2
    inside = (distance >= 0) & (distance < WINDOW)
    return (kernel / kernel.sum())[distance.clamp(0, WINDOW - 1)] * inside
