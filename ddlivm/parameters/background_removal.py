"""Background removal's section (3.1)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ddlivm.parameters.base import Section

Channels = Annotated[int, Field(ge=8, multiple_of=8)]
Side = Annotated[int, Field(ge=32, multiple_of=32)]
Weight = Annotated[float, Field(ge=0)]

LOSS_WEIGHTS = {"paper": (0.1, 1.0, 0.3), "birefnet_matting": (0.1, 0.3, 1.0)}
"""Named weights of Eq. 1: as printed, and BiRefNet's for matting, whose last two the paper seems to have swapped."""


class UNetSegmenter(Section):
    """A small U-Net, which learns from fresh weights.

    Attributes:
        kind: `unet`.
        channels: of its strides 4, 8, 16 and 32, multiples of 8.
    """

    kind: Literal["unet"]
    channels: tuple[Channels, Channels, Channels, Channels]


class EfficientUNetSegmenter(Section):
    """A U-Net over an EfficientNet of timm's.

    Attributes:
        kind: `efficient_unet`.
        model: Name of the encoder in timm.
        features: Channels of the encoder at strides 2, 4, 8, 16 and 32.
        channels: Of the decoder at strides 16, 8, 4 and 2, multiples of 8.
        weights: A file that the encoder starts from, as the detector's encoder `timm` does.
        frozen_stages: How many of the encoder's leading stages keep these weights.
    """

    kind: Literal["efficient_unet"]
    model: str = Field(pattern=r"^[a-z0-9_]+$")
    features: tuple[int, int, int, int, int]
    channels: tuple[Channels, Channels, Channels, Channels]
    weights: str | None
    frozen_stages: int = Field(ge=0, le=7)


class BirefnetSegmenter(Section):
    """BiRefNet, the architecture of the paper's RMBG-2.0.

    Attributes:
        kind: `birefnet`.
        backbone: `swin_l` as RMBG-2.0 and BiRefNet have, `swin_t` as BiRefNet's lite file has, or `tiny`, for which
            there is no file.
        weights: a BiRefNet or RMBG-2.0 file to start from, .safetensors or .pth; null starts from fresh weights.
    """

    kind: Literal["birefnet"]
    backbone: Literal["swin_l", "swin_t", "tiny"]
    weights: str | None


class BackgroundRemoval(Section):
    """Fine-tuning of the segmenter with Eq. 1.

    Attributes:
        segmenter: which architecture.
        input_size: (width, height) of its input, multiples of 32.
        loss_weights: α of SSIM, BCE and L1: `paper`, `birefnet_matting`, or three numbers.
        epochs: as many times as there are images, one is drawn; every site and modality is drawn equally often.
        batch_size: images in a step.
        images_at_once: images in memory at once, a divisor of batch_size; a step adds up as many parts as it needs.
            BiRefNet's batch normalisation wants two or more.
        learning_rate: AdamW's, at its peak.
        validation_share: source images set aside to choose the epoch by, 0 to 0.5.
        threads: of the CPU.
        seed: of initialisation, order and augmentation.
    """

    segmenter: UNetSegmenter | EfficientUNetSegmenter | BirefnetSegmenter = Field(discriminator="kind")
    input_size: tuple[Side, Side]
    loss_weights: Literal["paper", "birefnet_matting"] | tuple[Weight, Weight, Weight]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    images_at_once: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    validation_share: float = Field(gt=0, le=0.5)
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _parts_are_whole(self) -> Self:
        if self.batch_size % self.images_at_once:
            raise ValueError(f"images_at_once: {self.images_at_once} does not divide batch_size {self.batch_size}")
        if self.segmenter.kind == "birefnet" and self.images_at_once < 2:
            raise ValueError("images_at_once: BiRefNet's batch normalisation wants 2 or more")
        return self

    @property
    def alphas(self) -> tuple[float, float, float]:
        """α of SSIM, BCE and L1 as numbers."""
        return LOSS_WEIGHTS[self.loss_weights] if isinstance(self.loss_weights, str) else self.loss_weights
