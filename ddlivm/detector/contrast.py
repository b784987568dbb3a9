"""The contrastive head: pulls features of one category together and pushes others apart (3.2, Eq. 2, Figure 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torchvision.ops import roi_align

from ddlivm.detector.encoders import STRIDES, Pyramid
from ddlivm.detector.heads import Truth, full_precision
from ddlivm.detector.processes import gathered

BINS = 1
"""RoIAlign's bins a side: one, sampled once a cell, is the average of Eq. 2; 7 cost a fifth of the training time."""
SIZE_TOLERANCE = 0.5
"""A sample whose size differs by more than this share of the anchor's is no positive: the soft constraint."""
NO_DISTANCE = 1e-12
"""Squared distance below which a hinge pushes no more: there the direction away is not defined."""


@dataclass(frozen=True)
class Rules:
    """What Eq. 2 compares in a step, and how.

    Attributes:
        soft: leave same-category samples of another size out of the positives.
        distance: `normalised` or `hinge`, between features of unit length, or `raw`.
        margin: the hinge's, a distance between features of unit length.
        apart: a category whose members are not pulled together; None for none.
    """

    soft: bool = False
    distance: Literal["normalised", "hinge", "raw"] = "normalised"
    margin: float = 1.0
    apart: int | None = None


@dataclass(frozen=True)
class Contrast:
    """Eq. 2's distance terms, averaged over the scales; None where the batch has no such pair.

    Attributes:
        positive: mean squared distance of same-category pairs.
        negative: mean squared distance of other pairs; with a hinge, how much closer than its margin they are, squared
            and negative.
    """

    positive: Tensor | None
    negative: Tensor | None

    def loss(self, positive_weight: float, negative_weight: float) -> Tensor:
        """Return β₂ · positive - β₃ · negative; a term without pairs is dropped."""
        given = [term for term in (self.positive, self.negative) if term is not None]
        total = torch.zeros((), device=given[0].device if given else None)
        if self.positive is not None:
            total = total + positive_weight * self.positive
        if self.negative is not None:
            total = total - negative_weight * self.negative
        return total


def contrast(pyramid: Pyramid, truth: Truth, rules: Rules) -> Contrast:
    """Measure how far apart the labelled boxes' features lie, those of all processes together.

    Features are pooled from the encoders' own maps, before the neck. At unit length, a squared distance lies in [0, 4]
    and growing the features cannot lower the loss.

    Args:
        pyramid: encoder maps at `STRIDES`.
        truth: boxes with the categories of this step.
        rules: of the step.
    """
    with full_precision(pyramid[0].device):
        own = pooled(pyramid, truth.boxes, unit=rules.distance != "raw")
        levels, labels, boxes = gathered(own, torch.cat(truth.labels), torch.cat(truth.boxes))
        if len(labels) < 2:
            return Contrast(None, None)
        positive, negative = pairs(labels, (boxes[:, 2:] - boxes[:, :2]).prod(dim=1), rules)
        squared = torch.stack([distances(features) for features in levels])
        return Contrast(
            squared[:, positive].mean() if positive.any() else None,
            separation(squared[:, negative], rules).mean() if negative.any() else None,
        )


def pairs(labels: Tensor, sizes: Tensor, rules: Rules) -> tuple[Tensor, Tensor]:
    """Return which ordered pairs (anchor, sample) are positive and which negative, (n, n) bool each.

    What the soft constraint excludes is neither, and so are two members of a category that is kept apart.

    Args:
        labels: (n,) categories.
        sizes: (n,) box areas, square pixels.
        rules: of the step.
    """
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    if rules.soft:
        positive &= (sizes[None, :] - sizes[:, None]).abs() <= SIZE_TOLERANCE * sizes[:, None]
    if rules.apart is not None:
        positive &= labels[:, None] != rules.apart
    return positive, ~same


def pooled(pyramid: Pyramid, boxes: Sequence[Tensor], unit: bool = True) -> list[Tensor]:
    """Return each level's features of the boxes, (n, C) float32: RoIAlign to 1x1, then unit length if asked for."""
    levels = []
    for features, stride in zip(pyramid, STRIDES, strict=True):
        aligned = roi_align(
            features.float(), list(boxes), BINS, spatial_scale=1 / stride, sampling_ratio=0, aligned=True
        )
        flat = aligned.flatten(1)
        levels.append(torch.nn.functional.normalize(flat, dim=1) if unit else flat)
    return levels


def distances(features: Tensor) -> Tensor:
    """Return the squared Euclidean distance of each pair of rows, (n, n)."""
    return (features[:, None] - features[None, :]).square().sum(dim=2)


def separation(squared: Tensor, rules: Rules) -> Tensor:
    """Return what counts as distance between negatives: d², or -max(0, margin - d)² with a hinge."""
    if rules.distance != "hinge":
        return squared
    return -(rules.margin - squared.clamp(min=NO_DISTANCE).sqrt()).clamp(min=0).square()
