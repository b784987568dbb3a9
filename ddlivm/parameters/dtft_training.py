"""DTFT training's section (3.2)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class DtftTraining(Section):
    """Algorithm 1, epochs 1 to γ.

    Attributes:
        working_size: (width, height) of the working infrared image, multiples of 32.
        epochs: γ.
        batch_size: pairs in a step.
        learning_rate: AdamW's.
        weight_decay: AdamW's.
        loss_weights: β₁ detection, β₂ positive distances, β₃ negative distances (Eq. 2).
        seed: of initialisation, order and augmentation.
    """

    working_size: tuple[int, int]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    weight_decay: float = Field(ge=0, lt=1)
    loss_weights: tuple[float, float, float]
    seed: int = Field(ge=0)
