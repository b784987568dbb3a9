"""Public weights that the user brings: BiRefNet's and RMBG-2.0's files, as they are.

BiRefNet's weights are MIT, some of the data that they were trained on is for non-commercial use only. RMBG-2.0's are
for non-commercial use (commercial by agreement with BRIA). None is shipped, none is downloaded.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ddlivm.errors import InputError

PREFIXES = ("module.", "_orig_mod.")
"""What parallel training and compilation put before every name, in any order."""
WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which a training checkpoint holds the weights."""
NAMED = 3
"""Keys that a message names; the others are counted."""


def load_initial_weights(network: nn.Module, path: Path) -> None:
    """Read a file's weights into a network.

    Args:
        network: whose parameters' names are the file's.
        path: `.safetensors`, or `.pth` of tensors alone.

    Raises:
        InputError: the file is missing or damaged, holds code, or its names and shapes are not the network's.
    """
    tensors = _read(path)
    wanted = network.state_dict()
    wrong = {
        "missing": sorted(wanted.keys() - tensors.keys()),
        "not known": sorted(tensors.keys() - wanted.keys()),
        "of another shape": [
            f"{key} {_shape(tensors[key])} for {_shape(wanted[key])}"
            for key in sorted(wanted.keys() & tensors.keys())
            if tensors[key].shape != wanted[key].shape
        ],
    }
    if any(wrong.values()):
        found = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in wrong.items() if keys)
        raise InputError(f"{path}: is not of this network ({found}); give another file or another backbone")
    network.load_state_dict(tensors)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(f"{path}: cannot be read as weights ({reason}); give .safetensors or .pth") from error
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path}: holds no table of tensors; give the state dict of a BiRefNet")
    return {_plain(str(key)): value for key, value in content.items()}


def _plain(key: str) -> str:
    while key.startswith(PREFIXES):
        key = key.split(".", 1)[1]
    return key


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:NAMED]) + (", …" if len(keys) > NAMED else "")
