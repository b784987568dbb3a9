"""The epochs that both training stages run: resumable to the bit, with progress."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from ddlivm import checkpoints
from ddlivm.errors import InputError
from ddlivm.parameters.dtft_training import Schedule
from ddlivm.training.optimisation import Optimiser, rate_factor

PROGRESS_SECONDS = 10.0
"""Time between two progress lines."""

History = list[dict[str, float]]


Batch = TypeVar("Batch", contravariant=True)
Given = TypeVar("Given", covariant=True)
Same = TypeVar("Same")


class Epochs(Protocol[Given]):
    """What training reads."""

    def epoch(self, epoch: int) -> Iterator[tuple[float, Given]]:
        """Yield an epoch's batches, each with the share of the epoch that lies before it."""


class Task(Protocol[Batch]):
    """What is trained: modules and optimizers whose state is saved, and a step."""

    name: str
    modules: dict[str, nn.Module]
    optimisers: dict[str, Optimiser]

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Take one batch's updates at a share of the peak learning rate; return the losses, detached scalars."""

    def epoch_begins(self, epoch: int) -> None:
        """Called before an epoch, counted from 1; a resumed run begins with its first own."""

    def epoch_done(self, epoch: int) -> None:
        """Called once an epoch is done, before its checkpoint is written."""


def train(task: Task[Same], batches: Epochs[Same], epochs: int, schedule: Schedule, seed: int, work: Path) -> History:
    """Train from the newest checkpoint in `work`, or from the start.

    Every draw depends on the seed, the epoch and the place in it alone, so that a run that was killed and started
    again ends in the same bytes as one that was not.

    Args:
        task: what is trained.
        batches: of an epoch.
        epochs: in all.
        schedule: the learning rate's course.
        seed: of what mmdet's heads draw.
        work: scratch that survives a kill.

    Returns:
        A row an epoch: `epoch` and the mean of each loss.

    Raises:
        InputError: a loss is not a number, or the checkpoint is damaged.
    """
    path = work / "checkpoint.pt"
    history = _resume(task, path)
    progress = _Progress(task.name, epochs, len(history))
    for epoch in range(len(history) + 1, epochs + 1):
        torch.manual_seed(seed * 100_003 + epoch)
        task.epoch_begins(epoch)
        sums: dict[str, Tensor] = {}
        steps = 0
        for share, batch in batches.epoch(epoch):
            done = epoch - 1 + share
            losses = task.step(batch, rate_factor(done / epochs, schedule.warm_up))
            for name, loss in losses.items():
                sums[name] = sums.get(name, torch.zeros(())) + loss
            steps += 1
            progress.show(done, {name: value / steps for name, value in sums.items()})
        history.append({"epoch": epoch} | {name: round(float(value) / steps, 5) for name, value in sums.items()})
        task.epoch_done(epoch)
        checkpoints.save(path, _state(task, history))
    return history


def _state(task: Task[Same], history: History) -> checkpoints.State:
    return {
        "history": history,
        "modules": {name: module.state_dict() for name, module in task.modules.items()},
        "optimisers": {name: optimiser.adamw.state_dict() for name, optimiser in task.optimisers.items()},
    }


def _resume(task: Task[Same], path: Path) -> History:
    state = checkpoints.load(path)
    if state is None:
        return []
    try:
        for name, module in task.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimiser in task.optimisers.items():
            optimiser.adamw.load_state_dict(state["optimisers"][name])
        history: History = state["history"]
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: is a checkpoint of another model ({reason}); delete it to start over") from error
    print(f"{task.name}: goes on after epoch {len(history)}", file=sys.stderr, flush=True)
    return history


class _Progress:
    """Lines on stderr: where training is, how the losses stand, and how long it will take."""

    def __init__(self, name: str, epochs: int, first: int) -> None:
        self.name, self.epochs, self.first = name, epochs, first
        self.started = self.shown = time.monotonic()

    def show(self, done: float, means: dict[str, Tensor]) -> None:
        """Print a line when the last is old; `done` counts epochs, with the current one's share."""
        now = time.monotonic()
        if now - self.shown < PROGRESS_SECONDS or done <= self.first:
            return
        self.shown = now
        losses = "  ".join(f"{name} {float(value):.3f}" for name, value in means.items())
        left = (now - self.started) / (done - self.first) * (self.epochs - done)
        line = f"{self.name}: epoch {int(done) + 1}/{self.epochs}  {losses}  {left:.0f} s left"
        print(line, file=sys.stderr, flush=True)
