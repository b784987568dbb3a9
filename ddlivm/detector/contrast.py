"""The contrastive head: pulls features of one category together and pushes others apart (3.2, Eq. 2, Figure 7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import roi_align

from ddlivm.detector.encoders import STRIDES, Pyramid
from ddlivm.detector.heads import Truth

BINS = 1
"""RoIAlign's bins a side: one, sampled once a cell, is the average of Eq. 2; 7 cost a fifth of the training time."""
SIZE_TOLERANCE = 0.5
"""A sample whose size differs by more than this share of the anchor's is no positive: the soft constraint."""


@dataclass(frozen=True)
class Contrast:
    """Eq. 2's distance terms, averaged over the scales; None where the batch has no such pair.

    Attributes:
        positive: mean squared distance of same-category pairs.
        negative: mean squared distance of other pairs.
    """

    positive: Tensor | None
    negative: Tensor | None

    def loss(self, positive_weight: float, negative_weight: float) -> Tensor:
        """Return β₂ · positive - β₃ · negative; a term without pairs is dropped."""
        total = torch.zeros(())
        if self.positive is not None:
            total = total + positive_weight * self.positive
        if self.negative is not None:
            total = total - negative_weight * self.negative
        return total


def contrast(pyramid: Pyramid, truth: Truth, soft: bool) -> Contrast:
    """Measure how far apart the labelled boxes' features lie.

    Features are pooled from the encoders' own maps, before the neck, and L2-normalised, so that a squared distance
    lies in [0, 4] and growing the features cannot lower the loss.

    Args:
        pyramid: encoder maps at `STRIDES`.
        truth: boxes with the categories of this step.
        soft: leave same-category samples of another size out of the positives.
    """
    labels = torch.cat(truth.labels)
    if len(labels) < 2:
        return Contrast(None, None)
    boxes = torch.cat(truth.boxes)
    positive, negative = pairs(labels, (boxes[:, 2:] - boxes[:, :2]).prod(dim=1), soft)
    squared = torch.stack([distances(features) for features in pooled(pyramid, truth.boxes)])
    return Contrast(
        squared[:, positive].mean() if positive.any() else None,
        squared[:, negative].mean() if negative.any() else None,
    )


def pairs(labels: Tensor, sizes: Tensor, soft: bool) -> tuple[Tensor, Tensor]:
    """Return which ordered pairs (anchor, sample) are positive and which negative, (n, n) bool each.

    Args:
        labels: (n,) categories.
        sizes: (n,) box areas, square pixels.
        soft: apply the soft constraint; what it excludes is neither positive nor negative.
    """
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool)
    if soft:
        positive &= (sizes[None, :] - sizes[:, None]).abs() <= SIZE_TOLERANCE * sizes[:, None]
    return positive, ~same


def pooled(pyramid: Pyramid, boxes: Sequence[Tensor]) -> list[Tensor]:
    """Return each level's features of the boxes: RoIAlign to 1x1, then unit length; (n, C) a level."""
    levels = []
    for features, stride in zip(pyramid, STRIDES, strict=True):
        aligned = roi_align(features, list(boxes), BINS, spatial_scale=1 / stride, sampling_ratio=0, aligned=True)
        levels.append(torch.nn.functional.normalize(aligned.flatten(1), dim=1))
    return levels


def distances(features: Tensor) -> Tensor:
    """Return the squared Euclidean distance of each pair of rows, (n, n)."""
    return (features[:, None] - features[None, :]).square().sum(dim=2)
