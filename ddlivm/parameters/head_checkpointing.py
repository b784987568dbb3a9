"""Head checkpointing's section (3.3)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class HeadCheckpointing(Section):
    """Neck and both heads on frozen encoders, epochs γ to K.

    Attributes:
        epochs: K - γ.
        save_every: epochs between two entries of the bank.
        batch_size: pairs in a step.
        learning_rate: AdamW's.
        weight_decay: AdamW's.
        seed: of initialisation, order and augmentation.
    """

    epochs: int = Field(ge=1)
    save_every: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, lt=1)
    weight_decay: float = Field(ge=0, lt=1)
    seed: int = Field(ge=0)
