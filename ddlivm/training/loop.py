"""The epochs that both training stages run: resumable to the bit, in as many processes as there are."""

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm import checkpoints
from ddlivm.detector.processes import of_all
from ddlivm.errors import InputError, Stopped
from ddlivm.progress import Progress
from ddlivm.training.devices import alone, anywhere, mean
from ddlivm.training.optimisation import Optimiser, rate_factor
from ddlivm.training.prefetch import prefetched
from ddlivm.training.termination import Termination

History = list[dict[str, float]]


Batch = TypeVar("Batch", contravariant=True)
Given = TypeVar("Given", covariant=True)
Same = TypeVar("Same")


class Epochs(Protocol[Given]):
    """What training reads."""

    def epoch(self, epoch: int, first: int) -> Generator[tuple[float, Given], None, None]:
        """Yield an epoch's batches from the `first` on, each with the share of the epoch that lies before it."""


class Task(Protocol[Batch]):
    """What is trained: modules and optimizers whose state is saved, and a step."""

    name: str
    modules: dict[str, nn.Module]
    optimisers: dict[str, Optimiser]

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Take one batch's updates at a share of the peak learning rate; return the losses, detached scalars."""

    def epoch_begins(self, epoch: int, resumed: bool) -> None:
        """Called before an epoch, counted from 1, or before the rest of one that an earlier run began."""

    def epoch_done(self, epoch: int) -> None:
        """Called once an epoch is done, before its checkpoint is written, in the process that writes."""


class Plan(Protocol):
    """How long training is, and how often it is saved."""

    @property
    def epochs(self) -> int:
        """How many epochs there are."""

    @property
    def warm_up(self) -> float:
        """Share of the training in which the learning rate rises."""

    @property
    def seed(self) -> int:
        """Seed of what mmdet's heads draw."""

    @property
    def checkpoint_minutes(self) -> float:
        """Minutes between two checkpoints within an epoch."""


@dataclass
class Course:
    """How far training has come.

    Attributes:
        history: a row for each epoch that is done.
        steps: of the epoch that is running.
        sums: this process's losses, summed over those steps.
    """

    history: History = field(default_factory=list)
    steps: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """The epoch that is running, counted from 1."""
        return len(self.history) + 1

    def count(self, losses: dict[str, Tensor]) -> None:
        """Note a step's losses."""
        self.steps += 1
        self.sums = {name: self.sums[name] + loss if name in self.sums else loss for name, loss in losses.items()}

    def means(self) -> dict[str, float]:
        """Return the mean of each loss over the running epoch's steps, in this process."""
        return {name: float(total) / self.steps for name, total in self.sums.items()}

    def close(self, fabric: Fabric) -> None:
        """End the epoch with a row of the means over all processes."""
        self.sums = {name: mean(fabric, total) for name, total in self.sums.items()}
        rounded = {name: round(value, 5) for name, value in self.means().items()}
        self.history.append({"epoch": self.epoch} | rounded)
        self.steps, self.sums = 0, {}


def train(fabric: Fabric, task: Task[Same], batches: Epochs[Same], parameters: Plan, work: Path) -> History:
    """Train from the newest checkpoint in `work`, or from the start.

    Every draw depends on the seed, the epoch and the place in it, or on torch's own generator, whose state checkpoints
    hold, so that on a processor a run that was killed and started again ends in the same bytes as one that was not.

    Args:
        fabric: where training runs.
        task: what is trained.
        batches: of an epoch.
        parameters: epochs, the learning rate's course, the seed of what mmdet's heads draw, time between checkpoints.
        work: scratch that survives a kill.

    Returns:
        A row an epoch: `epoch` and the mean of each loss.

    Raises:
        InputError: a loss is not a number, a checkpoint is damaged or cannot be written.
        Stopped: SIGTERM came; what was learnt is in `work`.
    """
    path = work / "checkpoint.pt"
    epochs = parameters.epochs
    course, random_state = _resume(fabric, task, path)
    progress = Progress(task.name, epochs, fabric.is_global_zero)
    if course != Course():
        progress.say(f"goes on in epoch {course.epoch}, after step {course.steps}")
    saved = time.monotonic()
    with Termination() as termination:
        for epoch in range(course.epoch, epochs + 1):
            torch.manual_seed(parameters.seed * 100_003 + epoch)
            task.epoch_begins(epoch, resumed=course.steps > 0)
            if random_state is not None:
                torch.set_rng_state(random_state)
                random_state = None
            for share, batch in prefetched(batches.epoch(epoch, course.steps)):
                done = epoch - 1 + share
                course.count(task.step(batch, rate_factor(done / epochs, parameters.warm_up)))
                progress.show(done, course.means)
                due = time.monotonic() - saved >= 60 * parameters.checkpoint_minutes
                stop, due = anywhere(fabric, termination.asked, due)
                if stop or due:
                    _save(fabric, task, course, path)
                    saved = time.monotonic()
                if stop:
                    place = f"epoch {epoch}, after step {course.steps}"
                    raise Stopped(f"stopped in {place}; the same command goes on from there")
            course.close(fabric)
            alone(fabric, lambda epoch=epoch: task.epoch_done(epoch))  # type: ignore[misc]
            _save(fabric, task, course, path)
            saved = time.monotonic()
    return course.history


def _save(fabric: Fabric, task: Task[Same], course: Course, path: Path) -> None:
    # Heads draw samples on the processor, each process its own; loss sums differ between processes too.
    states = of_all(torch.get_rng_state().to(fabric.device)).cpu()
    sums = {name: of_all(total).cpu() for name, total in course.sums.items()}
    alone(
        fabric,
        lambda: checkpoints.save(
            path,
            {
                "history": course.history,
                "steps": course.steps,
                "sums": sums,
                "random": states,
                "modules": {name: module.state_dict() for name, module in task.modules.items()},
                "optimisers": {name: optimiser.adamw.state_dict() for name, optimiser in task.optimisers.items()},
            },
        ),
    )


def _resume(fabric: Fabric, task: Task[Same], path: Path) -> tuple[Course, Tensor | None]:
    """Return where a checkpoint left off, and torch's random state there; or the start, and none."""
    state = checkpoints.load(path)
    if state is None:
        return Course(), None
    try:
        processes = len(state["random"])
        if processes != fabric.world_size:
            raise InputError(
                f"{path}: was written by {processes} processes, and there are {fabric.world_size};"
                " start as many, or delete it to start over"
            )
        for name, module in task.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimiser in task.optimisers.items():
            optimiser.adamw.load_state_dict(state["optimisers"][name])
        sums = {name: total[fabric.global_rank].to(fabric.device) for name, total in state["sums"].items()}
        course = Course(state["history"], state["steps"], sums)
        # A copy: torch crashes on a generator's state that lies inside another tensor.
        random_state: Tensor = state["random"][fabric.global_rank].clone()
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: is a checkpoint of another model ({reason}); delete it to start over") from error
    return course, random_state if course.steps else None
