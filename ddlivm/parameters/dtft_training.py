"""DTFT training's section (3.2), and what the head bank's section shares with it."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from ddlivm.errors import InputError
from ddlivm.parameters.base import Section
from ddlivm.parameters.encoders import PACKAGE, Dinov2Encoder, InfmaeEncoder, ResidualEncoder, TimmEncoder


class Tiles(Section):
    """What is cut from the working images for training.

    Attributes:
        size: (width, height) of a tile, working infrared pixels, multiples of 32. Smaller tiles for
            small defects would give the types unequal shares of the updates.
        per_epoch: tiles in an epoch; 0 for as many as there are pairs.
        defect_share: share of tiles that are placed on a defect, of each type equally often; the rest lie anywhere.
        plain: share of tiles that are no tiles but whole working images as they are, or with diffused hotspots.
        scale: the range of relative size at which ground is shown, around the native 1.
    """

    size: tuple[int, int]
    per_epoch: int = Field(ge=0)
    defect_share: float = Field(ge=0, le=1)
    plain: float = Field(ge=0, le=1)
    scale: tuple[float, float]

    @field_validator("size")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        return multiples_of_32(value)

    @field_validator("scale")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.25 <= value[0] <= 1 <= value[1] <= 4:
            raise ValueError("scale must be a range around 1, between 0.25 and 4")
        return value


class Augmentation(Section):
    """How tiles are changed, and how often, 0 to 1 each (3.3).

    Attributes:
        method: `hstd`, the paper's; or in its ablation `oa_mix`, which stands in for diffusion and altitude crops;
            `classic`, neither of them; `none`, tiles as they were cut.
        diffused: its hotspots are those of the diffused series.
        altitude: a quarter or a ninth of it is enlarged.
        flips: it is mirrored left to right, and again top to bottom.
        rotation: it is turned by a few degrees.
        noise: Gaussian noise is added.
        cutout: a rectangle is hidden.
        radiometry: infrared gain and offset, visible brightness and colour are changed.
    """

    method: Literal["hstd", "oa_mix", "classic", "none"]
    diffused: float = Field(ge=0, le=1)
    altitude: float = Field(ge=0, le=1)
    flips: float = Field(ge=0, le=1)
    rotation: float = Field(ge=0, le=1)
    noise: float = Field(ge=0, le=1)
    cutout: float = Field(ge=0, le=1)
    radiometry: float = Field(ge=0, le=1)


class Schedule(Section):
    """The optimizer's course.

    Attributes:
        learning_rate: AdamW's, at its peak.
        weight_decay: AdamW's.
        second_moment: AdamW's β₂; a training of some hundred steps is over before 0.999 has settled.
        warm_up: share of the steps in which the rate rises linearly; a cosine takes it to zero in the rest.
        maximum_gradient: gradients are scaled down to this norm.
    """

    learning_rate: float = Field(gt=0, lt=1)
    weight_decay: float = Field(ge=0, lt=1)
    second_moment: float = Field(gt=0, lt=1)
    warm_up: float = Field(ge=0, lt=1)
    maximum_gradient: float = Field(gt=0)


class Training(Schedule):
    """What both training stages are told.

    Attributes:
        epochs: how many; γ for the encoders, K - γ for the bank.
        batch_size: tiles in a step, for each process; of whole images as many as have their area, at least one.
        tiles: what is cut from the working images.
        augmentation: how often a tile is changed.
        precision: of the layers; losses are always float32. `auto` is bfloat16 on a GPU that has it.
        checkpoint_minutes: what a killed run loses at most; it also keeps every epoch, and the step it is stopped at.
        threads: of the processor.
        seed: of initialisation, order and augmentation.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    tiles: Tiles
    augmentation: Augmentation
    precision: Literal["auto", "32-true", "bf16-mixed"]
    checkpoint_minutes: float = Field(ge=0)
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)


class Contrast(Section):
    """What Eq. 2 compares, and how.

    Attributes:
        distance: `normalised`, squared and between features of unit length; `hinge`, which pushes such features apart
            only while they are closer than the margin; `raw`, squared and between features as they are.
        margin: the hinge's, a distance between features of unit length.
        soft_everywhere: whether the soft size constraint holds in all three steps instead of in step 1 alone.
        internal_positives: whether step 2 pulls internal defects, its seventh category, together.
    """

    distance: Literal["normalised", "hinge", "raw"]
    margin: float = Field(gt=0, le=2)
    soft_everywhere: bool
    internal_positives: bool


class DtftTraining(Training):
    """Algorithm 1, epochs 1 to γ.

    Attributes:
        working_size: (width, height) of the working infrared image, multiples of 32.
        infrared_encoder: the infrared stream.
        visible_encoder: the visible stream.
        neck_channels: behind the feature pyramid network.
        stacked_convolutions: in each branch of step 3's FCOS head.
        step_convolutions: in each branch of the FCOS heads of steps 1 and 2.
        schedule: `literal` takes a batch's three optimizer steps one after the other; `fused` takes the three losses in
            one backward pass over one execution of each encoder, and one optimizer step; `joint` takes step 3 alone,
            which is the ablation without DTFT.
        encoder_rate: the encoders' share of the learning rate.
        settling: share of the epochs after which batch normalisation in the encoders keeps its statistics; 1 for never.
        measured_images: How many whole source images the statistics are measured on when they settle; 0 keeps the
            running averages over tiles, or those that came with the weights.
        source_tiles: How many labelled tiles of each defect type travel with the model, as they were taken, so that it
            can be adapted to a flight; at 256x192 pixels ten tiles take 5.5 MB.
        loss_weights: β₁ detection, β₂ positive distances, β₃ negative distances (Eq. 2).
        contrast: what Eq. 2 compares, and how.
    """

    working_size: tuple[int, int]
    infrared_encoder: InfmaeEncoder | ResidualEncoder | TimmEncoder = Field(discriminator="kind")
    visible_encoder: Dinov2Encoder | ResidualEncoder | TimmEncoder = Field(discriminator="kind")
    neck_channels: int = Field(ge=8)
    stacked_convolutions: int = Field(ge=1, le=8)
    step_convolutions: int = Field(ge=1, le=8)
    schedule: Literal["literal", "fused", "joint"]
    encoder_rate: float = Field(gt=0, le=1)
    settling: float = Field(ge=0, le=1)
    measured_images: int = Field(ge=0)
    source_tiles: int = Field(ge=1)
    loss_weights: tuple[float, float, float]
    contrast: Contrast

    @field_validator("working_size")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        return multiples_of_32(value)

    def require_weights(self) -> None:
        """Check, before anything long runs, that the encoders' weights are there.

        Raises:
            InputError: a file is not; the message names its key.
        """
        for key in ("infrared_encoder", "visible_encoder"):
            encoder = getattr(self, key)
            weights = getattr(encoder, "weights", None)
            if weights and not weights.startswith(PACKAGE) and not Path(weights).is_file():
                raise InputError(
                    f"dtft_training.{key}.weights: {weights} is not a file; give the checkpoint's path, or null"
                )


def multiples_of_32(value: tuple[int, int]) -> tuple[int, int]:
    """Return a (width, height) that every level divides.

    Raises:
        ValueError: a side is no positive multiple of 32.
    """
    if any(side < 32 or side % 32 for side in value):
        raise ValueError("width and height must be multiples of 32")
    return value
