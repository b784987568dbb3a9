"""Public weights that the user brings: BiRefNet's and RMBG-2.0's files, as they are.

BiRefNet's weights are MIT, some of the data that they were trained on is for non-commercial use only. RMBG-2.0's are
for non-commercial use (commercial by agreement with BRIA). None is shipped, none is downloaded.
"""

from pathlib import Path

from torch import nn

from ddlivm.errors import InputError
from ddlivm.weight_files import misfits, read_weights, told

PREFIXES = ("module.", "_orig_mod.")
"""What parallel training and compilation put before every name, in any order."""


def load_initial_weights(network: nn.Module, path: Path) -> None:
    """Read a file's weights into a network.

    Args:
        network: whose parameters' names are the file's.
        path: `.safetensors`, or `.pth` of tensors alone.

    Raises:
        InputError: the file is missing or damaged, holds code, or its names and shapes are not the network's.
    """
    state = {_plain(key): value for key, value in read_weights(path).items()}
    found = told(misfits(state, network.state_dict()))
    if found:
        raise InputError(f"{path}: is not of this network: {found}; give another file or another backbone")
    network.load_state_dict(state)


def _plain(key: str) -> str:
    while key.startswith(PREFIXES):
        key = key.split(".", 1)[1]
    return key
