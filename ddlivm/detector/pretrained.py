"""A user's checkpoint as an encoder's first weights: public layouts, whatever they are wrapped in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from torch import nn

from ddlivm.detector.dinov2_layouts import to_timm
from ddlivm.detector.efficientnet_layouts import from_efficientnet
from ddlivm.detector.packaged import packaged_file
from ddlivm.detector.recomputation import Recomputing
from ddlivm.errors import InputError
from ddlivm.parameters.encoders import PACKAGE, Dinov2Encoder, InfmaeEncoder, ResidualEncoder, TimmEncoder
from ddlivm.weight_files import State, misfits, read_weights, told

PREFIX = r"(?:(?:module|_orig_mod|encoder|backbone)\.)*"
"""What DDP, compilation and larger models put before an encoder's key."""


@dataclass(frozen=True)
class Layout:
    """What the public files of an encoder hold.

    Attributes:
        part: the encoder's attribute that holds the public part; empty for the encoder itself.
        anchors: keys of which each file has one; what stands before it stands before all.
        convert: turns each of the file's layouts into the encoder's own.
        ignored: beginnings of converted keys that detection has no use for.
        own: beginnings of the encoder's keys that no public file has.
    """

    part: str
    anchors: tuple[str, ...]
    convert: Callable[[State], State]
    ignored: tuple[str, ...]
    own: tuple[str, ...]


LAYOUTS = {
    "infmae": Layout(
        part="",
        anchors=("patch_embed1.proj.weight",),
        convert=dict,
        # Masking, the branches that only pretraining runs, and its decoder.
        ignored=(
            "mask_token",
            "patch_embed.proj.",
            "stage1_output_decode.",
            "stage2_output_decode.",
            "norm.",
            "decoder_pos_embed",
            "decoder_embed.",
            "decoder_blocks.",
            "decoder_norm.",
            "decoder_pred.",
        ),
        own=("fourth_level.",),
    ),
    "dinov2": Layout(
        part="vit",
        anchors=("patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight"),
        convert=to_timm,
        ignored=("mask_token",),
        own=(),
    ),
    # Detection has no use for the classifier.
    "timm": Layout(
        part="pyramid",
        anchors=("conv_stem.weight", "_conv_stem.weight"),
        convert=from_efficientnet,
        ignored=("conv_head.", "bn2.", "classifier."),
        own=(),
    ),
}


@runtime_checkable
class Freezing(Protocol):
    """An encoder whose leading stages can be taken out of training; importing its module takes timm's seconds."""

    def freeze(self, count: int) -> None:
        """Take the first stages out of training."""


def begin(encoder: nn.Module, section: InfmaeEncoder | Dinov2Encoder | ResidualEncoder | TimmEncoder) -> None:
    """Give a fresh encoder the weights that its section names, and set how it is trained.

    Raises:
        InputError: as `load_pretrained`.
    """
    match section:
        case ResidualEncoder():
            return
        case TimmEncoder():
            if section.weights is not None:
                load_pretrained(encoder, section.kind, weights_file(section.weights))
            cast(Freezing, encoder).freeze(section.frozen_stages)
        case _:
            cast(Recomputing, encoder).gradient_checkpointing = section.gradient_checkpointing
            if section.weights is not None:
                load_pretrained(encoder, section.kind, Path(section.weights), section.allowed_differences)


def load_pretrained(encoder: nn.Module, kind: str, path: Path, allowed_differences: tuple[str, ...] = ()) -> None:
    """Load a checkpoint into an encoder, in place.

    Args:
        encoder: of `kind`, with fresh weights.
        kind: a key of `LAYOUTS`.
        path: a .safetensors file, or one that `torch.save` wrote.
        allowed_differences: beginnings of the encoder's own keys that may be missing, beyond it, or of another shape.

    Raises:
        InputError: the file is missing, too large, damaged or holds code, or its keys are not the encoder's.
    """
    layout = LAYOUTS[kind]
    target = encoder.get_submodule(layout.part)
    given = _converted(path, layout)
    expected = target.state_dict()
    spared = {
        "missing": (*allowed_differences, *layout.own),
        "unexpected": (*allowed_differences, *layout.ignored),
        "of another shape": allowed_differences,
    }
    every = misfits(given, expected)
    found = told(
        {
            sort: {key: text for key, text in keys.items() if not key.startswith(spared[sort])}
            for sort, keys in every.items()
        }
    )
    if found:
        # Sections of the kind `timm` have no allowed_differences.
        advice = "give this model's weights" if kind == "timm" else "name the keys in allowed_differences"
        raise InputError(f"{path}: does not fit the {kind} encoder: {found}; change the encoder's sizes, or {advice}")
    unused = every["unexpected"].keys() | every["of another shape"].keys()
    kept = {key: value for key, value in given.items() if key not in unused}
    if not all(value.isfinite().all() for value in kept.values()):
        raise InputError(f"{path}: holds values that are not numbers; export it again")
    target.load_state_dict(kept, strict=False)


def weights_file(weights: str) -> Path:
    """Return the file that a section's `weights` names: a path, or `package:NAME`.

    Raises:
        InputError: The package is unknown or not installed.
    """
    return packaged_file(weights.removeprefix(PACKAGE)) if weights.startswith(PACKAGE) else Path(weights)


def _converted(path: Path, layout: Layout) -> State:
    state = _without_prefix(read_weights(path), layout, path)
    try:
        return layout.convert(state)
    except (RuntimeError, IndexError) as error:
        raise InputError(f"{path}: its tensors do not fit together ({str(error).splitlines()[0]})") from error


def _without_prefix(state: State, layout: Layout, path: Path) -> State:
    anchored = re.compile(f"({PREFIX})(?:{'|'.join(map(re.escape, layout.anchors))})")
    prefixes = {match[1] for match in map(anchored.fullmatch, state) if match}
    if len(prefixes) != 1:
        found = "several encoders" if prefixes else "no encoder of this kind"
        raise InputError(f"{path}: holds {found}; expected one key {' or '.join(layout.anchors)}")
    (prefix,) = prefixes
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}
