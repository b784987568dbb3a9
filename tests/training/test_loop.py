import resource

import pytest
import torch

from ddlivm import checkpoints
from ddlivm.errors import InputError
from ddlivm.training.devices import launch
from ddlivm.training.loop import train
from ddlivm.training.optimisation import Optimiser
from tests.training.plants import tiny_parameters

PARAMETERS = tiny_parameters()[0].model_copy(
    update={
        "epochs": 4,
        "learning_rate": 0.05,
        "weight_decay": 0.1,
        "second_moment": 0.999,
        "warm_up": 0.1,
        "checkpoint_minutes": 1e9,
    }
)
FABRIC = launch("32-true")


class Line:
    """Fits a line to points; `fails_at` interrupts as a kill would, after that many steps."""

    name = "line"

    def __init__(self, fails_at=None, error=KeyboardInterrupt):
        torch.manual_seed(0)
        layer = torch.nn.Linear(2, 1)
        self.modules: dict[str, torch.nn.Module] = {"layer": layer}
        self.optimisers = {"layer": Optimiser(FABRIC, {layer: 1.0}, PARAMETERS, "line")}
        self.fails_at, self.error, self.steps = fails_at, error, 0
        self.begun: list[int] = []
        self.resumed: list[bool] = []
        self.done: list[int] = []

    def step(self, batch, factor):
        self.steps += 1
        if self.steps == self.fails_at:
            raise self.error("interrupted")
        noise = torch.rand(())  # as mmdet's samplers draw from torch's own generator
        loss = (self.modules["layer"](batch) - 3 - noise).square().mean()
        self.optimisers["layer"].step(loss, factor)
        return {"loss": loss.detach()}

    def epoch_begins(self, epoch, resumed):
        self.begun.append(epoch)
        self.resumed.append(resumed)

    def epoch_done(self, epoch):
        self.done.append(epoch)


class Points:
    def epoch(self, epoch, first):
        for step in range(first, 3):
            yield step / 3, torch.rand(4, 2, generator=torch.Generator().manual_seed(10 * epoch + step))


def run(task, folder):
    folder.mkdir(exist_ok=True)
    return train(FABRIC, task, Points(), PARAMETERS, folder)


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
    assert not any(again.resumed), "each begins a whole epoch"
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
    checkpoints.save(
        path, {"history": [], "random": [0], "modules": {"layer": {"weight": torch.zeros(1)}}, "optimisers": {}}
    )
    with pytest.raises(InputError, match="of another model"):
        run(Line(), tmp_path)
    torch.save(Line, path)
    with pytest.raises(InputError, match="damaged checkpoint"):
        checkpoints.load(path)


def test_a_disk_that_takes_no_more_is_one_line_and_keeps_the_last(tmp_path):
    """The kernel refuses the write, as a full disk does, after a megabyte."""
    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, {"epoch": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(InputError, match=r"checkpoint\.pt: the checkpoint cannot be written .* kept") as caught:
            checkpoints.save(path, {"epoch": 2, "weights": torch.zeros(2**20)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert checkpoints.load(path) == {"epoch": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_time_makes_a_checkpoint_inside_an_epoch(tmp_path):
    always = PARAMETERS.model_copy(update={"checkpoint_minutes": 0})
    with pytest.raises(KeyboardInterrupt):
        train(FABRIC, Line(6), Points(), always, tmp_path)
    again = Line()
    assert train(FABRIC, again, Points(), always, tmp_path) == run(Line(), tmp_path / "whole")
    assert again.steps == 12 - 5
    assert again.begun == [2, 3, 4]
    assert again.resumed == [True, False, False]


def test_a_run_of_other_processes_is_not_gone_on_with(tmp_path):
    path = tmp_path / "checkpoint.pt"
    run(Line(), tmp_path)
    state = checkpoints.load(path)
    assert state is not None
    checkpoints.save(path, state | {"random": state["random"].repeat(4, 1)})
    with pytest.raises(InputError, match="was written by 4 processes, and there are 1"):
        run(Line(), tmp_path)


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
