"""What a detector is built from, as it is written beside its weights; needs no torch."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

FILE = "detector.json"


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is built from.

    Attributes:
        kind: a key of `encoders.ENCODERS`.
        channels: of the four levels.
        depths: blocks at each level.
    """

    kind: str
    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


@dataclass(frozen=True)
class MaskRcnnSpec:
    """The two-stage head's sizes.

    Attributes:
        anchor_scales: anchor side over stride.
        proposals: proposals kept for the second stage, per image.
        samples: (RPN, RoI) samples an image in the losses.
        channels: of the two fully connected layers.
        masks: whether there is a mask branch beside the box branches.
    """

    anchor_scales: tuple[float, ...]
    proposals: int
    samples: tuple[int, int]
    channels: int
    masks: bool = False


@dataclass(frozen=True)
class Architecture:
    """A detector's sizes; the encoders' stage writes them, the bank's stage adds the second head.

    Attributes:
        working_size: (width, height) of the working infrared image, pixels.
        infrared: the infrared encoder.
        visible: the visible encoder.
        neck_channels: of every level behind the FPN.
        stacked_convolutions: in each branch of the FCOS head.
        step_convolutions: in each branch of the FCOS heads that see one modality only.
        mask_rcnn: the two-stage head's sizes, once there is one.
    """

    working_size: tuple[int, int]
    infrared: EncoderSpec
    visible: EncoderSpec
    neck_channels: int
    stacked_convolutions: int
    step_convolutions: int
    mask_rcnn: MaskRcnnSpec | None = None

    @property
    def fused_channels(self) -> tuple[int, ...]:
        """Channels of the fused pyramid's levels."""
        return tuple(a + b for a, b in zip(self.infrared.channels, self.visible.channels, strict=True))

    def with_mask_rcnn(self, spec: MaskRcnnSpec) -> Self:
        """Return this detector with a second head."""
        return replace(self, mask_rcnn=spec)

    def without_mask_rcnn(self) -> Self:
        """Return this detector as its encoders' stage described it."""
        return replace(self, mask_rcnn=None)

    def save(self, folder: Path) -> None:
        """Write `detector.json`."""
        write_json(folder / FILE, {"architecture": asdict(self), "classes": list(load_taxonomy().names)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing or damaged, or its classes are not the taxonomy's.
        """
        path = folder / FILE
        content = read_json(path)
        try:
            classes = tuple(content["classes"])
            architecture = cls(**_tuples(content["architecture"]))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: does not describe a detector ({error!r}); train it again") from error
        if classes != load_taxonomy().names:
            raise InputError(f"{path}: its classes {', '.join(classes)} are not the taxonomy's; train it again")
        return architecture


def _tuples(entries: dict[str, Any]) -> dict[str, Any]:
    specs = {"infrared": EncoderSpec, "visible": EncoderSpec, "mask_rcnn": MaskRcnnSpec}
    plain: dict[str, Any] = {}
    for key, value in entries.items():
        if isinstance(value, dict):
            plain[key] = specs[key](**_tuples(value))
        else:
            plain[key] = tuple(value) if isinstance(value, list) else value
    return plain
