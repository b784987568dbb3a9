import pytest
import torch

from ddlivm import checkpoints
from ddlivm.errors import InputError
from ddlivm.parameters.dtft_training import Schedule
from ddlivm.training.loop import train
from ddlivm.training.optimisation import Optimiser

SCHEDULE = Schedule(learning_rate=0.05, weight_decay=0.1, second_moment=0.999, warm_up=0.1, maximum_gradient=1.0)


class Line:
    """Fits a line to points; `fails_at` interrupts as a kill would, after that many steps."""

    name = "line"

    def __init__(self, fails_at=None, error=KeyboardInterrupt):
        torch.manual_seed(0)
        layer = torch.nn.Linear(2, 1)
        self.modules = {"layer": layer}
        self.optimisers = {"layer": Optimiser([layer], SCHEDULE, "line")}
        self.fails_at, self.error, self.steps = fails_at, error, 0
        self.begun: list[int] = []
        self.done: list[int] = []

    def step(self, batch, factor):
        self.steps += 1
        if self.steps == self.fails_at:
            raise self.error("interrupted")
        noise = torch.rand(())  # as mmdet's samplers draw from torch's own generator
        loss = (self.modules["layer"](batch) - 3 - noise).square().mean()
        self.optimisers["layer"].step(loss, factor)
        return {"loss": loss.detach()}

    def epoch_begins(self, epoch):
        self.begun.append(epoch)

    def epoch_done(self, epoch):
        self.done.append(epoch)


class Points:
    def epoch(self, epoch):
        generator = torch.Generator().manual_seed(epoch)
        for step in range(3):
            yield step / 3, torch.rand(4, 2, generator=generator)


def run(task, folder):
    folder.mkdir(exist_ok=True)
    return train(task, Points(), 4, SCHEDULE, 0, folder)


@pytest.mark.parametrize("fails_at", [1, 5, 6, 7, 11])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path, fails_at):
    whole = Line()
    history = run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Line(fails_at), tmp_path / "killed")
    again = Line()
    assert run(again, tmp_path / "killed") == history
    for a, b in zip(whole.modules["layer"].parameters(), again.modules["layer"].parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.steps == 12 - (fails_at - 1) // 3 * 3
    assert again.begun == again.done == list(range((fails_at - 1) // 3 + 1, 5))
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_a_failed_step_keeps_the_last_epoch(tmp_path):
    with pytest.raises(InputError):
        run(Line(8, InputError), tmp_path)
    kept = checkpoints.load(tmp_path / "checkpoint.pt")
    assert kept is not None
    assert len(kept["history"]) == 2


def test_a_damaged_or_foreign_checkpoint_is_named(tmp_path):
    path = tmp_path / "checkpoint.pt"
    run(Line(), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"checkpoint\.pt: is a damaged checkpoint"):
        run(Line(), tmp_path)
    checkpoints.save(path, {"history": [], "modules": {"layer": {"weight": torch.zeros(1)}}, "optimisers": {}})
    with pytest.raises(InputError, match="of another model"):
        run(Line(), tmp_path)
    torch.save(Line, path)
    with pytest.raises(InputError, match="damaged checkpoint"):
        checkpoints.load(path)


def test_a_folder_that_cannot_be_written_keeps_the_last(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, {"epoch": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="the last one is kept"):
        checkpoints.save(path, {"epoch": 2})
    assert checkpoints.load(path) == {"epoch": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]
