"""Where a killed training goes on: written whole or not at all, read without running code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from ddlivm.errors import InputError
from ddlivm.files import replacing

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Write a checkpoint atomically: tensors, numbers, strings and containers of them.

    Raises:
        InputError: the folder cannot be written, or the disk is full; an earlier checkpoint stays.
    """
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
            with temporary.open("rb") as file:  # else a power cut can leave the new name without its bytes
                os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: the checkpoint cannot be written ({error}); the last one is kept") from error


def load(path: Path) -> State | None:
    """Read a checkpoint, or None where there is none.

    Raises:
        InputError: the file is damaged or holds anything but data.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: is a damaged checkpoint ({reason}); delete it to train from the start") from error
    if not isinstance(state, dict):
        raise InputError(f"{path}: is no checkpoint of this stage; delete it to train from the start")
    return state
