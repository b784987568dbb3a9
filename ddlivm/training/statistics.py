"""Batch normalisation's statistics, measured on whole images: those of a few tiles are others."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def norms(encoder: nn.Module) -> list[nn.BatchNorm2d | nn.SyncBatchNorm]:
    """Return an encoder's batch normalisations."""
    return [module for module in encoder.modules() if isinstance(module, NORMS)]


@torch.no_grad()
def measure_statistics(encoder: nn.Module, images: Iterable[Tensor]) -> None:
    """Replace the running means and variances by their averages over some images.

    Args:
        encoder: Its other weights stay as they are.
        images: (B, C, H, W) normalised each, as the encoder takes them; where there are none, nothing changes.
    """
    own = norms(encoder)
    if not own:
        return
    modes = [(module, module.training, module.momentum) for module in own]
    for module in own:
        module.momentum = None  # the plain average over all batches
        module.train()
    for number, batch in enumerate(images):
        for module in own if number == 0 else ():
            module.reset_running_stats()
        encoder(batch)
    for module, training, momentum in modes:
        module.momentum = momentum
        module.train(training)
