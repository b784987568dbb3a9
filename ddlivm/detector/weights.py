"""Modules as safetensors files, one file for a set of modules with the modules' names as prefixes."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ddlivm.errors import InputError


def save_weights(path: Path, modules: Mapping[str, nn.Module]) -> None:
    """Write the modules' tensors as `<name>.<key>`; an empty name adds no prefix."""
    tensors = {
        f"{name}.{key}" if name else key: tensor.contiguous()
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    save_file(tensors, path)


def load_weights(path: Path, modules: Mapping[str, nn.Module]) -> None:
    """Read what `save_weights` wrote into modules of the same shapes.

    Raises:
        InputError: the file is missing or damaged, or its tensors are not the modules'.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({error}); train it again") from error
    for name, module in modules.items():
        prefix = f"{name}." if name else ""
        own = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        try:
            module.load_state_dict(own)
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(f"{path}: does not fit the detector it is said to be ({reason})") from error
