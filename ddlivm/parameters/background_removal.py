"""Background removal's section (3.1)."""

from typing import Literal

from pydantic import Field

from ddlivm.parameters.base import Section


class BackgroundRemoval(Section):
    """Fine-tuning of the segmenter with Eq. 1.

    Attributes:
        segmenter: which architecture.
        loss_weights: α of SSIM, BCE and L1.
        epochs: passes over the source sites' images.
        batch_size: images in a step.
        learning_rate: AdamW's.
        seed: of initialisation and order.
    """

    segmenter: Literal["unet"]
    loss_weights: tuple[float, float, float]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
