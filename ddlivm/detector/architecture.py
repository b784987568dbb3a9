"""What a detector is built from, as it is written beside its weights; needs no torch."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.parameters.base import Section
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.parameters.head_checkpointing import MaskRcnn

FILE = "detector.json"

CONFIDENCE_FLOOR = 0.02
"""The lowest raw score of a detection; mmdet's 0.05 would cut the tail of heads whose scores are low."""

UNTRAINED = "untrained"
"""The reference whose encoders and head have fresh weights."""


Modality = Literal["infrared", "visible"]


@dataclass(frozen=True)
class InfmaeSpec:
    """An infrared encoder like InfMAE's.

    Attributes:
        dims: of the stages at strides 4, 8 and 16.
        depths: blocks of each stage.
        heads: of attention, in the last stage.
        grid: side of the position table.
        antialias: whether the table is smoothed where it shrinks.
    """

    dims: tuple[int, int, int]
    depths: tuple[int, int, int]
    heads: int
    grid: int
    antialias: bool
    kind: Literal["infmae"] = "infmae"

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Of the four levels."""
        return (*self.dims, self.dims[2])


@dataclass(frozen=True)
class Dinov2Spec:
    """A visible encoder like DINOv2's, of patch 14.

    Attributes:
        dim: of the tokens.
        depth: blocks.
        heads: of attention.
        registers: tokens beside the class token.
        grid: side of the position table.
        antialias: whether the table is smoothed where it shrinks.
        position_offset: What is added to the grid's sides before they are divided by the table's.
        taps: numbers of the blocks whose maps are added to the last one's; None for a sixth, a third and a half.
        norm_taps: whether their maps pass the last norm too.
        summed: add all three to every level instead of one to each of three levels.
        compact: shrink the visible image to the infrared one's size before encoding.
    """

    dim: int
    depth: int
    heads: int
    registers: int
    grid: int
    antialias: bool
    position_offset: float
    taps: tuple[int, int, int] | None
    norm_taps: bool
    summed: bool
    compact: bool
    kind: Literal["dinov2"] = "dinov2"

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Of the four levels."""
        return (self.dim,) * 4

    @property
    def tapped(self) -> tuple[int, int, int]:
        """Numbers of the tapped blocks, counted from 1: 4, 8 and 12 of the paper's 24."""
        first, second, third = (max(1, round(self.depth * share)) for share in (1 / 6, 1 / 3, 1 / 2))
        return self.taps or (first, second, third)


@dataclass(frozen=True)
class ResidualSpec:
    """A convolutional encoder for either modality.

    Attributes:
        channels: of the four levels.
        depths: blocks at each level.
    """

    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    kind: Literal["residual"] = "residual"


@dataclass(frozen=True)
class TimmSpec:
    """A convolutional pyramid of timm's, for either modality.

    Attributes:
        model: its name in timm.
        channels: of the four levels.
    """

    model: str
    channels: tuple[int, int, int, int]
    kind: Literal["timm"] = "timm"


EncoderSpec = InfmaeSpec | Dinov2Spec | ResidualSpec | TimmSpec


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

    @classmethod
    def of(cls, section: MaskRcnn) -> Self:
        """Return what a section of params.yaml asks for."""
        return cls(
            section.anchor_scales,
            section.proposals,
            (section.rpn_samples, section.roi_samples),
            section.channels,
            section.masks,
        )


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
    infrared: InfmaeSpec | ResidualSpec | TimmSpec
    visible: Dinov2Spec | ResidualSpec | TimmSpec
    neck_channels: int
    stacked_convolutions: int
    step_convolutions: int
    mask_rcnn: MaskRcnnSpec | None = None

    @classmethod
    def of(cls, section: DtftTraining) -> Self:
        """Return what a section of params.yaml asks for; it has no second head yet."""
        return cls(
            section.working_size,
            _spec(section.infrared_encoder),
            _spec(section.visible_encoder),
            section.neck_channels,
            section.stacked_convolutions,
            section.step_convolutions,
        )

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
            architecture = cls(**_specs(content["architecture"]))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: does not describe a detector ({error!r}); train it again") from error
        if classes != load_taxonomy().names:
            raise InputError(f"{path}: its classes {', '.join(classes)} are not the taxonomy's; train it again")
        return architecture


_ENCODERS: dict[str, type] = {"infmae": InfmaeSpec, "dinov2": Dinov2Spec, "residual": ResidualSpec, "timm": TimmSpec}


def _spec(section: Section) -> Any:
    kind = _ENCODERS[section.model_dump()["kind"]]
    return kind(**{field.name: getattr(section, field.name) for field in fields(kind)})


def _specs(entries: dict[str, Any]) -> dict[str, Any]:
    plain = _tuples(entries)
    for modality in get_args(Modality):
        plain[modality] = _ENCODERS[entries[modality]["kind"]](**_tuples(entries[modality]))
    if entries.get("mask_rcnn") is not None:
        plain["mask_rcnn"] = MaskRcnnSpec(**_tuples(entries["mask_rcnn"]))
    return plain


def _tuples(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}
