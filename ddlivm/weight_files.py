"""Files of weights that users bring, read as data: state dicts, bare or wrapped; and what of one does not fit."""

import pickle
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ddlivm.errors import InputError

MAXIMUM_BYTES = 8 << 30
"""Of a file: a whole training checkpoint of ViT-L with its optimizer has half of it."""

WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Keys under which training scripts put a model's state."""

NAMED = 4
"""How many keys of each sort a message names."""

State = dict[str, Tensor]
Misfits = dict[str, dict[str, str]]
"""For each sort of misfit the keys, and what a message says of each."""


def read_weights(path: Path) -> State:
    """Read a state dict with the file's own keys.

    Args:
        path: a .safetensors file, or one that `torch.save` wrote, of tensors alone.

    Raises:
        InputError: the file is missing, too large, damaged, holds code or no state dict.
    """
    content = _read(path)
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


def _read(path: Path) -> Any:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the file's path") from error
    if size > MAXIMUM_BYTES:
        raise InputError(f"{path}: has {size} bytes, more than any file of weights ({MAXIMUM_BYTES})")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # InfMAE's training saved its command line's arguments; a namespace is data.
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(f"{path}: cannot be read as weights alone ({reason}); export its state dict again") from error


def misfits(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Misfits:
    """Compare a state with the one that a module has, by keys and shapes."""
    return {
        "missing": {key: key for key in expected if key not in given},
        "unexpected": {key: key for key in given if key not in expected},
        "of another shape": {
            key: f"{key} {tuple(value.shape)} instead of {tuple(expected[key].shape)}"
            for key, value in given.items()
            if key in expected and value.shape != expected[key].shape
        },
    }


def told(found: Misfits) -> str:
    """Return how many keys there are of each sort, and the first; empty where all fits."""
    return "; ".join(f"{len(keys)} {sort} ({_some(list(keys.values()))})" for sort, keys in found.items() if keys)


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more
