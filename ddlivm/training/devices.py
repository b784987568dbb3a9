"""Where training runs: the device, the precision, and the processes that torchrun started."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ddlivm.errors import ElsewhereError, InputError

if TYPE_CHECKING:  # seconds to import; the stages decode images meanwhile
    from lightning.fabric import Fabric
    from torch import Tensor, nn

ModuleType = TypeVar("ModuleType", bound="nn.Module")

PATIENCE = timedelta(hours=3)
"""How long processes wait for one another: the first decodes all images and writes all checkpoints."""


def first_process() -> bool:
    """Return whether this process is the one that writes: torchrun's first, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def launch(precision: str) -> "Fabric":
    """Choose the device and join the other processes, if torchrun started any.

    Args:
        precision: `auto`, `32-true` or `bf16-mixed`.
    """
    import torch
    from lightning.fabric import Fabric
    from lightning.fabric.plugins import Precision
    from lightning.fabric.plugins.environments import TorchElasticEnvironment
    from lightning.fabric.strategies import DDPStrategy

    from ddlivm.training.precision import Autocast

    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "auto":
        # Emulated bfloat16 is slower than float32.
        fast = accelerator == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16-mixed" if fast else "32-true"
    layers = Autocast(accelerator) if precision == "bf16-mixed" else Precision()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        fabric = Fabric(accelerator=accelerator, devices=1, plugins=[layers])
    else:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
        # A step of the three masks parts of the model.
        strategy = DDPStrategy(
            cluster_environment=TorchElasticEnvironment(), find_unused_parameters=True, timeout=PATIENCE
        )
        nodes = processes // beside
        fabric = Fabric(accelerator=accelerator, devices=beside, num_nodes=nodes, strategy=strategy, plugins=[layers])
    fabric.launch()
    return fabric


def anywhere(fabric: "Fabric", *happened: bool) -> tuple[bool, ...]:
    """Return which of some things happened in any process; all of them must ask."""
    if fabric.world_size == 1:
        return happened
    import torch

    from ddlivm.detector.processes import total

    return tuple(bool(times) for times in total(torch.tensor(happened, dtype=torch.float32, device=fabric.device)))


def mean(fabric: "Fabric", value: "Tensor") -> "Tensor":
    """Return the mean of a detached tensor over all processes; all of them must ask."""
    from ddlivm.detector.processes import total

    return total(value) / fabric.world_size


def alone(fabric: "Fabric", action: Callable[[], object]) -> None:
    """Let the first process act while the others wait.

    Raises:
        Exception: what the action raised, in the first process.
        ElsewhereError: the action failed, in the others.
    """
    failure: Exception | None = None
    if fabric.is_global_zero:
        try:
            action()
        except Exception as error:
            failure = error
    (failed,) = anywhere(fabric, failure is not None)
    if failure is not None:
        raise failure
    if failed:
        raise ElsewhereError


def fail(fabric: "Fabric", message: str) -> NoReturn:
    """End all processes, which agree that they must, with one line.

    Raises:
        InputError: in the first process.
        ElsewhereError: in the others.
    """
    raise InputError(message) if fabric.is_global_zero else ElsewhereError


def synchronised(fabric: "Fabric", model: "ModuleType") -> "ModuleType":
    """Return the model with batch normalisation over all GPUs' tiles: one process has a few only.

    On processors each process normalises by its own, as there is no such layer.
    """
    if fabric.world_size == 1 or fabric.device.type != "cuda":
        return model
    from torch import nn

    converted: ModuleType = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return converted
