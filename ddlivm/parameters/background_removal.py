"""Background removal's section (3.1)."""

from typing import Annotated, Literal

from pydantic import Field

from ddlivm.parameters.base import Section

Channels = Annotated[int, Field(ge=8, multiple_of=8)]
Side = Annotated[int, Field(ge=32, multiple_of=16)]


class BackgroundRemoval(Section):
    """Fine-tuning of the segmenter with Eq. 1.

    Attributes:
        segmenter: which architecture.
        channels: of the U-Net's strides 2, 4, 8 and 16, multiples of 8.
        input_size: (width, height) of its input, multiples of 16.
        loss_weights: α of SSIM, BCE and L1.
        epochs: passes over the source sites' images.
        batch_size: images in a step.
        learning_rate: AdamW's.
        validation_share: source images set aside to choose the epoch by, 0 to 0.5.
        threads: of the CPU.
        seed: of initialisation, order and augmentation.
    """

    segmenter: Literal["unet"]
    channels: tuple[Channels, Channels, Channels, Channels]
    input_size: tuple[Side, Side]
    loss_weights: tuple[float, float, float]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    validation_share: float = Field(gt=0, le=0.5)
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)
