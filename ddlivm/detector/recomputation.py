"""Gradient checkpointing: time for memory."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Recomputing(nn.Module):
    """A module that can forget what its blocks computed until their gradient is asked for."""

    gradient_checkpointing = False
    """Whether only each block's input is kept in training, and the block run again on the way back."""

    def run(self, block: nn.Module, x: Tensor) -> Tensor:
        """Run a block that draws nothing at random."""
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
        return block(x)
