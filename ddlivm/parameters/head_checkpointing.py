"""Head checkpointing's section (3.3)."""

from pydantic import Field

from ddlivm.parameters.base import Section
from ddlivm.parameters.dtft_training import Training


class MaskRcnn(Section):
    """The two-stage head.

    Attributes:
        anchor_scales: anchor side over stride.
        proposals: kept for the second stage, per image.
        rpn_samples: anchors in the first stage's loss, per image.
        roi_samples: proposals in the second stage's loss, per image.
        channels: of the two fully connected layers.
        masks: whether a mask branch learns the labels' outlines, or their boxes where they have none.
    """

    anchor_scales: tuple[float, ...] = Field(min_length=1)
    proposals: int = Field(ge=1)
    rpn_samples: int = Field(ge=2)
    roi_samples: int = Field(ge=2)
    channels: int = Field(ge=1)
    masks: bool


class HeadCheckpointing(Training):
    """Neck and both heads on frozen encoders, epochs γ to K.

    Attributes:
        save_every: epochs between two entries of the bank.
        keep_step3: Whether step 3's own neck and FCOS head are an entry of the bank too, as epoch 0.
        tuned_rate: The share of the learning rate at which neck and FCOS head go on from step 3's weights; the
            two-stage head and the infrared-only reference learn at the full rate.
        mask_rcnn: the two-stage head.
        cache_gigabytes: of disk, at most, for encoder outputs of whole images that are shown as they are
            (`tiles.plain`), in bfloat16; 0 for none. A pair takes 44 MB at the paper's size, and 10 MB for each of
            its diffused images; they are kept where reading them is quicker than computing them again.
    """

    save_every: int = Field(ge=1)
    keep_step3: bool
    tuned_rate: float = Field(gt=0, le=1)
    mask_rcnn: MaskRcnn
    cache_gigabytes: float = Field(ge=0)
