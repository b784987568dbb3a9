"""A user's checkpoint as an encoder's first weights: public layouts, whatever they are wrapped in."""

import pickle
import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ddlivm.detector.dinov2_layouts import to_timm
from ddlivm.detector.recomputation import Recomputing
from ddlivm.errors import InputError
from ddlivm.parameters.encoders import Dinov2Encoder, InfmaeEncoder, ResidualEncoder

MAXIMUM_BYTES = 8 << 30
"""Of a file: a whole training checkpoint of ViT-L with its optimizer has half of it."""

WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Keys under which training scripts put a model's state."""

PREFIX = r"(?:(?:module|_orig_mod|encoder|backbone)\.)*"
"""What DDP, compilation and larger models put before an encoder's key."""

NAMED = 4
"""How many keys of each sort a message names."""

State = dict[str, Tensor]


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
}


def begin(encoder: nn.Module, section: InfmaeEncoder | Dinov2Encoder | ResidualEncoder) -> None:
    """Give a fresh encoder the weights that its section names, and set how it is trained.

    Raises:
        InputError: as `load_pretrained`.
    """
    if isinstance(section, ResidualEncoder) or not isinstance(encoder, Recomputing):
        return
    encoder.gradient_checkpointing = section.gradient_checkpointing
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
    kept = {key: value for key, value in given.items() if key in expected and value.shape == expected[key].shape}
    wrong = {
        "missing": {key: key for key in expected if key not in given and not key.startswith(layout.own)},
        "unexpected": {key: key for key in given if key not in expected and not key.startswith(layout.ignored)},
        "of another shape": {
            key: f"{key} {tuple(value.shape)} instead of {tuple(expected[key].shape)}"
            for key, value in given.items()
            if key in expected and key not in kept
        },
    }
    report = [_listed(sort, keys, allowed_differences) for sort, keys in wrong.items()]
    if any(report):
        raise InputError(
            f"{path}: does not fit the {kind} encoder: {'; '.join(filter(None, report))}; change the encoder's sizes, "
            "or name the keys in allowed_differences"
        )
    if not all(value.isfinite().all() for value in kept.values()):
        raise InputError(f"{path}: holds values that are not numbers; export it again")
    target.load_state_dict(kept, strict=False)


def _listed(sort: str, keys: dict[str, str], allowed: tuple[str, ...]) -> str:
    """Return how many keys there are of a sort that is not allowed, and the first; empty where there is none."""
    named = [text for key, text in keys.items() if not key.startswith(allowed)]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{len(named)} {sort} ({', '.join(named[:NAMED])}{more})" if named else ""


def _converted(path: Path, layout: Layout) -> State:
    state = _without_prefix(_unwrapped(_read(path), path), layout, path)
    try:
        return layout.convert(state)
    except (RuntimeError, IndexError) as error:
        raise InputError(f"{path}: its tensors do not fit together ({str(error).splitlines()[0]})") from error


def _read(path: Path) -> Any:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the checkpoint's path") from error
    if size > MAXIMUM_BYTES:
        raise InputError(f"{path}: has {size} bytes, more than any checkpoint of an encoder ({MAXIMUM_BYTES})")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # InfMAE's training saved its command line's arguments; a namespace is data.
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as weights alone ({reason}); export its state dict again") from error


def _unwrapped(content: Any, path: Path) -> State:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{path}: holds no state dict, neither bare nor under {', '.join(WRAPPERS)}")
    strange = [key for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if strange:
        raise InputError(f"{path}: {strange[0]!r} is no tensor; expected a state dict, bare or under {WRAPPERS[0]}")
    return dict(content)


def _without_prefix(state: State, layout: Layout, path: Path) -> State:
    anchored = re.compile(f"({PREFIX})(?:{'|'.join(map(re.escape, layout.anchors))})")
    prefixes = {match[1] for match in map(anchored.fullmatch, state) if match}
    if len(prefixes) != 1:
        found = "several encoders" if prefixes else "no encoder of this kind"
        raise InputError(f"{path}: holds {found}; expected one key {' or '.join(layout.anchors)}")
    (prefix,) = prefixes
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}
