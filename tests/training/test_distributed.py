"""Two gloo processes against one with the same global batch."""

import json

import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector.architecture import Architecture, EncoderSpec
from ddlivm.detector.heads import Truth
from ddlivm.training.batches import Batch
from ddlivm.training.devices import launch, mean
from ddlivm.training.dtft import Dtft
from tests.training.plants import tiny_parameters
from tests.training.processes import start_ranks

SPEC = EncoderSpec("pyramid", (8, 8, 16, 16), (0, 1, 0, 0))
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
    parameters, _ = tiny_parameters()
    contrast = parameters.contrast.model_copy(update={"distance": distance, "soft_everywhere": True})
    parameters = parameters.model_copy(update={"schedule": schedule, "contrast": contrast})
    fabric = launch("32-true")
    task = Dtft(fabric, Architecture((64, 64), SPEC, SPEC, 16, 1, 1), parameters, "site1")
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
