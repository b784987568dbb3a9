"""What a test's processes would each spend seconds on."""

import lightning.fabric.strategies  # noqa: F401
import torch

import ddlivm.training.bank_stage
import ddlivm.training.dtft
import ddlivm.training.dtft_stage
import ddlivm.training.loop  # noqa: F401

torch.set_num_threads(1)
