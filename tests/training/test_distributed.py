"""Two gloo processes against one with the same global batch."""

import json
import math
import os
import signal

import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.heads import Truth
from ddlivm.errors import ElsewhereError, InputError, Stopped
from ddlivm.training.batches import Batch
from ddlivm.training.devices import launch, mean
from ddlivm.training.dtft import Dtft
from ddlivm.training.loop import train
from ddlivm.training.optimisation import Optimiser
from tests.training.plants import tiny_parameters, tiny_transformers
from tests.training.processes import start_ranks

STEPS = 6
TILES = 4


def batch(step, rank, count):
    """A process's share of a batch; its tiles have none to three boxes."""
    generator = torch.Generator().manual_seed(step)
    infrared = torch.randn(TILES, 1, 64, 64, generator=generator)
    visible = torch.randn(TILES, 3, 112, 112, generator=generator)
    corners = torch.randint(0, 40, (TILES, 3, 2), generator=generator).float()
    sides = torch.randint(6, 24, (TILES, 3, 2), generator=generator).float()
    boxes = torch.cat([corners, corners + sides], dim=2)
    labels = torch.randint(0, 10, (TILES, 3), generator=generator)
    numbers = [(tile + step) % 4 for tile in range(TILES)]
    own = range(rank, TILES, count)
    kept = tuple(boxes[tile, : numbers[tile]] for tile in own)
    truth = Truth(
        kept,
        tuple(labels[tile, : numbers[tile]] for tile in own),
        tuple(box_outlines(each.numpy()) for each in kept),
        (64, 64),
    )
    return Batch(infrared[list(own)], visible[list(own)], truth)


def curve(schedule, distance):
    parameters = tiny_transformers()
    contrast = parameters.contrast.model_copy(update={"distance": distance, "soft_everywhere": True})
    parameters = parameters.model_copy(update={"working_size": (64, 64), "schedule": schedule, "contrast": contrast})
    fabric = launch("32-true")
    task = Dtft(fabric, Architecture.of(parameters), parameters, "site1")
    rows = []
    for step in range(STEPS):
        losses = task.step(batch(step, fabric.global_rank, fabric.world_size), 1.0)
        rows.append({name: float(mean(fabric, loss)) for name, loss in losses.items()})
    return fabric, task, rows


def write_curve(folder, schedule, distance):
    fabric, task, rows = curve(schedule, distance)
    weights = {name: module.state_dict() for name, module in task.modules.items()}
    torch.save(weights, folder / f"{fabric.global_rank}.pt")
    if fabric.is_global_zero:
        (folder / "curve.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(("schedule", "distance"), [("literal", "normalised"), ("fused", "hinge")])
def test_two_processes_learn_as_one_with_the_same_global_batch(tmp_path, schedule, distance):
    processes = start_ranks(2, write_curve, tmp_path, schedule, distance)
    _, _, alone = curve(schedule, distance)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    together = json.loads((tmp_path / "curve.json").read_text())
    assert len(together) == STEPS
    for ours, theirs in zip(together, alone, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
    assert {row["joint_contrast"] == 0 for row in alone} == {False}
    assert alone[-1]["joint_detection"] != pytest.approx(alone[0]["joint_detection"], rel=1e-2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, state in first.items():
        for key, value in state.items():
            assert torch.equal(value, second[name][key])


class Line:
    """Fits a line to points, each process to its own, with noise of its own; something may happen at a step."""

    name = "line"

    def __init__(self, fabric, happens=None):
        torch.manual_seed(0)
        layer = torch.nn.Linear(2, 1)
        self.fabric, self.happens, self.steps = fabric, happens, 0
        self.layer = fabric.setup_module(layer)
        self.modules: dict[str, torch.nn.Module] = {"layer": layer}
        self.optimisers = {"layer": Optimiser(fabric, {layer: 1.0}, PARAMETERS, "line")}

    def step(self, points, factor):
        self.steps += 1
        loss = (self.layer(points) - 3 - torch.rand(())).square().mean()
        if self.steps == 5 and self.fabric.global_rank == 1 and self.happens == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if self.steps == 5 and self.fabric.global_rank == 1 and self.happens == "nan":
            loss = loss * math.nan
        self.optimisers["layer"].step(loss, factor)
        return {"loss": loss.detach()}

    def epoch_begins(self, epoch, resumed):
        torch.manual_seed(epoch + 100 * self.fabric.global_rank)

    def epoch_done(self, epoch):
        pass


class Points:
    def __init__(self, rank):
        self.rank = rank

    def epoch(self, epoch, first):
        for step in range(first, 3):
            generator = torch.Generator().manual_seed(100 * epoch + 10 * step + self.rank)
            yield step / 3, torch.rand(4, 2, generator=generator)


PARAMETERS = tiny_parameters()[0].model_copy(
    update={"epochs": 3, "learning_rate": 0.05, "warm_up": 0.1, "checkpoint_minutes": 1e9}
)


def run_line(folder, happens):
    """Train, and write how it ended."""
    fabric = launch("32-true")
    task = Line(fabric, happens)
    try:
        history = train(fabric, task, Points(fabric.global_rank), PARAMETERS, folder)
        end = json.dumps(history)
    except (InputError, ElsewhereError, Stopped) as error:
        end = f"{type(error).__name__} {error} {task.steps}"
    (folder / f"{fabric.global_rank}.txt").write_text(end)
    torch.save(task.modules["layer"].state_dict(), folder / f"{fabric.global_rank}.pt")


def ends(folder, happens=None):
    folder.mkdir(exist_ok=True)
    for process in start_ranks(2, run_line, folder, happens):
        process.join()
        assert process.exitcode == 0
    return [(folder / f"{rank}.txt").read_text() for rank in range(2)]


def test_a_signal_to_one_process_stops_all_at_one_step_and_they_go_on_to_the_same_bits(tmp_path):
    whole = ends(tmp_path / "whole")
    assert whole[0] == whole[1]
    stopped = ends(tmp_path / "stopped", "stop")
    line = "Stopped stopped in epoch 2, after step 2; the same command goes on from there 5"
    assert stopped == [line, line]
    assert ends(tmp_path / "stopped") == whole
    weights = [torch.load(tmp_path / name / "0.pt", weights_only=True) for name in ("whole", "stopped")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_loss_that_is_no_number_in_one_process_ends_all_with_one_line(tmp_path):
    first, second = ends(tmp_path, "nan")
    assert first.startswith("InputError line: the loss is nan; lower learning_rate (the last checkpoint is kept)")
    assert second.split() == ["ElsewhereError", "5"]
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert [row["epoch"] for row in kept["history"]] == [1]
    assert all(math.isfinite(row["loss"]) for row in kept["history"])
