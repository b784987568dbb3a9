"""Gradient checkpointing: time for memory."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run(block: nn.Module, x: Tensor, recompute: bool) -> Tensor:
    """Run a block; with `recompute`, keep only its input and run it again when its gradient is asked for."""
    if recompute and torch.is_grad_enabled():
        # The blocks draw nothing at random, so there is no state to bring back.
        return checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
    return block(x)
