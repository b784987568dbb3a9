"""What a profile's detector is and needs, without building its weights: parts, shapes, operations, memory (4.2.3)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ddlivm.data.aligned_pair import visible_size
from ddlivm.data.taxonomy import SHAPES, load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture, MaskRcnnSpec
from ddlivm.detector.configurations import MASK_BINS, MAXIMUM_DETECTIONS
from ddlivm.detector.costs import gradients_in_place, multiply_adds, peak_bytes
from ddlivm.detector.encoders import Pyramid, fuse
from ddlivm.detector.heads import BankEntry, OneStage
from ddlivm.detector.infmae import InfmaeEncoder
from ddlivm.detector.recomputation import Recomputing
from ddlivm.parameters import Parameters

PAPER = {"parameters": 419.5e6, "operations": 963.2e9, "pair_milliseconds": 853.47}
"""Table 3's detection model, and the time of a pair on an A100, alignment included (4.2.3)."""

FLOAT_BYTES = 4
MOMENTS = 2
"""Numbers that AdamW keeps for each parameter of an optimizer."""


@dataclass(frozen=True)
class Part:
    """A part of the detector.

    Attributes:
        name: of the part.
        parameters: its values, fixed position tables included.
        multiply_adds: for one working pair; None where the part runs in training only.
    """

    name: str
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True)
class Training:
    """What an update of both encoders takes, bytes; the joint step is the largest.

    Attributes:
        batch: infrared tiles, (count, height, width).
        precision: `mixed` (bfloat16 layers) or `float32`.
        weights: of everything that is trained.
        gradients: as many.
        moments: AdamW's, of all three optimizers; the encoders belong to two of them each.
        activations: the most at once beyond these.
        activations_recomputed: the same with gradient checkpointing; None where no encoder has it.
    """

    batch: tuple[int, int, int]
    precision: str
    weights: int
    gradients: int
    moments: int
    activations: int
    activations_recomputed: int | None

    @property
    def total(self) -> int:
        """Bytes without gradient checkpointing."""
        return self.weights + self.gradients + self.moments + self.activations

    @property
    def total_recomputed(self) -> int | None:
        """Bytes with gradient checkpointing."""
        if self.activations_recomputed is None:
            return None
        return self.total - self.activations + self.activations_recomputed


@dataclass(frozen=True)
class Inference:
    """What one pair takes, bytes.

    Attributes:
        weights: of the encoders and one entry of the bank, float32.
        activations: the most at once beyond these.
    """

    weights: int
    activations: int


@dataclass(frozen=True)
class Description:
    """A profile's detector.

    Attributes:
        profile: its name.
        infrared_size: (width, height) of the working infrared image.
        visible_size: (width, height) of the working visible image.
        shapes: (channels, height, width) of each level, of both streams and fused.
        parts: of the detector that ships: encoders, one neck, both heads.
        training_parts: what training has beside them.
        training: its memory.
        inference: its memory.
    """

    profile: str
    infrared_size: tuple[int, int]
    visible_size: tuple[int, int]
    shapes: dict[str, list[tuple[int, ...]]]
    parts: tuple[Part, ...]
    training_parts: tuple[Part, ...]
    training: Training
    inference: Inference

    @property
    def parameters(self) -> int:
        """Of the detector that ships."""
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        """Of one pair through the encoders, the neck and both heads."""
        return sum(part.multiply_adds or 0 for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """Return everything, with the sums and the 2x convention, as plain data."""
        content = asdict(self)
        for part in content["parts"]:
            part["operations"] = 2 * part["multiply_adds"]
        content["total"] = {
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "operations": 2 * self.multiply_adds,
        }
        content["training"] |= {"total": self.training.total, "total_recomputed": self.training.total_recomputed}
        content["inference"]["total"] = self.inference.weights + self.inference.activations
        content["paper"] = dict(PAPER)
        return content


def describe(parameters: Parameters, mixed: bool) -> Description:
    """Describe a profile's detector; nothing of its size is allocated.

    Args:
        parameters: all sections, with the profile laid over them.
        mixed: whether training's memory is that of bfloat16 layers, instead of float32 throughout.
    """
    section = parameters.dtft_training
    architecture = Architecture.of(section).with_mask_rcnn(MaskRcnnSpec.of(parameters.head_checkpointing.mask_rcnn))
    with torch.device("meta"):
        infrared, visible = build.encoders(architecture)
    # mmdet cannot initialise without memory; heads are small.
    entry = build.bank_entry(architecture).to("meta")
    step_heads = {
        "step 1, neck and head": build.infrared_head(architecture, len(SHAPES)).to("meta"),
        "step 2, neck and head": build.visible_head(architecture, load_taxonomy().external_count).to("meta"),
    }
    images = _images(1, architecture.working_size)
    with torch.no_grad():
        pyramids = infrared.eval()(images[0]), visible.eval()(images[1])
    return Description(
        parameters.profile,
        architecture.working_size,
        visible_size(architecture.working_size),
        {
            name: [tuple(level.shape[1:]) for level in levels]
            for name, levels in (("infrared", pyramids[0]), ("visible", pyramids[1]), ("fused", fuse(*pyramids)))
        },
        (
            *_encoder_parts(infrared, visible, images, pyramids),
            *_head_parts(entry, fuse(*pyramids), architecture),
        ),
        tuple(Part(name, _count(head), None) for name, head in step_heads.items()),
        _training(
            infrared,
            visible,
            build.joint_head(architecture).to("meta"),
            tuple(step_heads.values()),
            _images(section.batch_size, section.tiles.size),
            mixed,
        ),
        _inference(infrared, visible, entry, images),
    )


def _images(count: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return meta images of both modalities, (width, height) of the infrared ones."""
    width, height = size
    other_width, other_height = visible_size(size)
    return (
        torch.empty(count, 1, height, width, device="meta"),
        torch.empty(count, 3, other_height, other_width, device="meta"),
    )


def _count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _trained(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


def _encoder_parts(
    infrared: nn.Module, visible: nn.Module, images: Sequence[Tensor], pyramids: Sequence[Pyramid]
) -> list[Part]:
    whole = Part("infrared encoder", _count(infrared), multiply_adds(lambda: infrared(images[0])))
    parts = [whole]
    if isinstance(infrared, InfmaeEncoder):
        fourth = infrared.fourth_level
        own = Part("infrared fourth level", _count(fourth), multiply_adds(lambda: fourth(pyramids[0][2])))
        assert whole.multiply_adds is not None
        assert own.multiply_adds is not None
        rest = Part(whole.name, whole.parameters - own.parameters, whole.multiply_adds - own.multiply_adds)
        parts = [rest, own]
    return [*parts, Part("visible encoder", _count(visible), multiply_adds(lambda: visible(images[1])))]


def _head_parts(entry: BankEntry, fused: Pyramid, architecture: Architecture) -> list[Part]:
    levels = entry.neck(fused)
    channels = architecture.neck_channels
    spec = architecture.mask_rcnn
    assert spec is not None
    boxes = torch.empty(spec.proposals, channels, 7, 7, device="meta")
    parts = [
        Part("FPN", _count(entry.neck), multiply_adds(lambda: entry.neck(fused))),
        Part("FCOS", _count(entry.bbox_head), multiply_adds(lambda: entry.bbox_head(levels))),
        Part("RPN", _count(entry.rpn_head), multiply_adds(lambda: entry.rpn_head(levels))),
        Part(
            f"box branch, {spec.proposals} proposals",
            _count(entry.roi_head.bbox_head),
            multiply_adds(lambda: entry.roi_head.bbox_head(boxes)),
        ),
    ]
    if spec.masks:
        found = torch.empty(MAXIMUM_DETECTIONS, channels, MASK_BINS, MASK_BINS, device="meta")
        branch = entry.roi_head.mask_head
        operations = multiply_adds(lambda: branch(found))
        parts.append(Part(f"mask branch, {MAXIMUM_DETECTIONS} detections", _count(branch), operations))
    return parts


def _training(
    infrared: nn.Module,
    visible: nn.Module,
    joint: OneStage,
    step_heads: Sequence[nn.Module],
    images: tuple[Tensor, Tensor],
    mixed: bool,
) -> Training:
    modules = (infrared, visible, joint)

    def step() -> None:
        outputs = joint.bbox_head(joint.neck(fuse(infrared(images[0]), visible(images[1]))))
        # Losses are scalars: what they keep is nothing beside the maps.
        torch.stack([output.sum() for level in outputs for output in level]).sum().backward()

    def activations(recompute: bool) -> int:
        for encoder in (infrared, visible):
            if isinstance(encoder, Recomputing):
                encoder.gradient_checkpointing = recompute
        with gradients_in_place([parameter for module in modules for parameter in module.parameters()]):
            return peak_bytes(step, mixed)

    for module in modules:
        module.train()
    can_recompute = any(isinstance(encoder, Recomputing) for encoder in (infrared, visible))
    count, _, height, width = images[0].shape
    trained = _trained(*modules, *step_heads)
    return Training(
        (count, height, width),
        "mixed" if mixed else "float32",
        FLOAT_BYTES * _count(*modules, *step_heads),
        FLOAT_BYTES * trained,
        FLOAT_BYTES * MOMENTS * (trained + _trained(infrared, visible)),
        activations(recompute=False),
        activations(recompute=True) if can_recompute else None,
    )


def _inference(infrared: nn.Module, visible: nn.Module, entry: BankEntry, images: tuple[Tensor, Tensor]) -> Inference:
    for module in (infrared, visible, entry):
        module.eval()

    def detect() -> None:
        levels = entry.neck(fuse(infrared(images[0]), visible(images[1])))
        entry.bbox_head(levels)
        entry.rpn_head(levels)

    with torch.no_grad():
        activations = peak_bytes(detect, mixed=False)
    return Inference(FLOAT_BYTES * _count(infrared, visible, entry), activations)
