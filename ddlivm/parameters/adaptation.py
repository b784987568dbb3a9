"""Adaptation's section: how a model is tuned on one flight's own pictures, without labels."""

from pydantic import Field, field_validator

from ddlivm.parameters.base import Section
from ddlivm.parameters.dtft_training import Schedule, multiples_of_32

MOST_MINUTES = 240.0
"""Longer than that is a training."""


class Pastes(Section):
    """The source defects that are pasted onto the flight's healthy panels.

    Attributes:
        number: The fewest and the most on a picture.
        scale: The range of their relative size; source and flight differ in altitude and modules.
        contrast: The range of their highest excess, in robust standard deviations of the flight's healthy panels.
    """

    number: tuple[int, int]
    scale: tuple[float, float]
    contrast: tuple[float, float]

    @field_validator("number", "scale", "contrast")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError("the range must begin above 0 and end no lower than it begins")
        return value


class Adaptation(Schedule):
    """How a model is tuned on one flight.

    Attributes:
        minutes: How long the component tunes; `predict --adapt` says it itself.
        tile_size: (width, height) of what is cut from the pasted pictures, working pixels, multiples of 32.
        batch_size: Tiles in a step.
        memory_share: Share of the steps that learn from source tiles instead, 0 to 1: what keeps the model from
            forgetting the source plants.
        encoder_rate: The encoders' share of the learning rate.
        frozen_stages: How many of a convolutional encoder's first stages stay as they are.
        maximum_pairs: How many pictures are learnt from and set aside, at most; a larger flight is drawn from.
        set_aside: Share of the pictures that no step learns from, so that the scores are calibrated on them.
        false_alarms: How many detections an unpasted picture may have on average at the shipped threshold.
        beta: How many times as much recall counts as accuracy when the threshold is chosen.
        pastes: What is pasted.
        checkpoint_minutes: What a killed run loses at most.
        threads: Threads of the processor.
        seed: Of all draws.
    """

    minutes: float = Field(gt=0, le=MOST_MINUTES)
    tile_size: tuple[int, int]
    batch_size: int = Field(ge=1)
    memory_share: float = Field(ge=0, lt=1)
    encoder_rate: float = Field(gt=0, le=1)
    frozen_stages: int = Field(ge=0, le=4)
    maximum_pairs: int = Field(ge=1)
    set_aside: float = Field(gt=0, lt=1)
    false_alarms: float = Field(gt=0)
    beta: float = Field(gt=0, le=10)
    pastes: Pastes
    checkpoint_minutes: float = Field(ge=0)
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)

    @field_validator("tile_size")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        return multiples_of_32(value)
