"""An architecture's parts with fresh weights."""

from torch import nn

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.encoders import build_encoder
from ddlivm.detector.heads import BankEntry, OneStage


def encoders(architecture: Architecture) -> tuple[nn.Module, nn.Module]:
    """Build the infrared and the visible encoder."""
    return build_encoder(architecture.infrared, "infrared"), build_encoder(architecture.visible, "visible")


def infrared_head(architecture: Architecture, classes: int) -> OneStage:
    """Build neck and FCOS on the infrared pyramid alone: step 1's, or the infrared-only reference's."""
    return OneStage(architecture.infrared.channels, classes, architecture.neck_channels, architecture.step_convolutions)


def visible_head(architecture: Architecture, classes: int) -> OneStage:
    """Build neck and FCOS on the visible pyramid alone: step 2's."""
    return OneStage(architecture.visible.channels, classes, architecture.neck_channels, architecture.step_convolutions)


def joint_head(architecture: Architecture) -> OneStage:
    """Build neck and FCOS on the fused pyramid: step 3's."""
    return OneStage(
        architecture.fused_channels,
        len(load_taxonomy()),
        architecture.neck_channels,
        architecture.stacked_convolutions,
    )


def bank_entry(architecture: Architecture) -> BankEntry:
    """Build a neck with both heads on the fused pyramid.

    Raises:
        ValueError: the architecture has no second head.
    """
    if architecture.mask_rcnn is None:
        raise ValueError("the architecture has no Mask R-CNN head")
    return BankEntry(
        architecture.fused_channels,
        len(load_taxonomy()),
        architecture.neck_channels,
        architecture.stacked_convolutions,
        architecture.mask_rcnn,
    )
