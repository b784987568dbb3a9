import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector.architecture import Architecture, ResidualSpec
from ddlivm.detector.heads import Truth
from ddlivm.training.batches import Batch
from ddlivm.training.devices import launch
from ddlivm.training.dtft import Dtft
from tests.training.plants import tiny_parameters

SPEC = ResidualSpec((8, 8, 16, 16), (0, 1, 0, 0))


@pytest.fixture
def dtft():
    parameters, _ = tiny_parameters()
    return Dtft(launch("32-true"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), parameters, "site1")


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[8.0, 8, 24, 24], [32, 32, 60, 40]])
    labels = (torch.tensor([0, 6]), torch.tensor([2, 8]))
    truth = Truth((boxes, boxes), labels, (box_outlines(boxes.numpy()),) * 2, (64, 64))
    images = (torch.randn(2, 1, 64, 64, generator=generator), torch.randn(2, 3, 112, 112, generator=generator))
    return Batch(*images, truth)


def test_each_step_updates_its_own_parts_and_runs_no_masked_encoder(dtft, batch, monkeypatch):
    seen = []
    calls = []
    for name in ("infrared", "visible"):
        dtft.modules[name].register_forward_hook(lambda *_, name=name: calls.append(name))
    for name, optimiser in dtft.optimisers.items():
        before = {key: [p.clone() for p in module.parameters()] for key, module in dtft.modules.items()}
        step = optimiser.step

        def spy(loss, factor, name=name, step=step):
            before = {key: [p.clone() for p in module.parameters()] for key, module in dtft.modules.items()}
            step(loss, factor)
            moved = {
                key
                for key, module in dtft.modules.items()
                if any(not torch.equal(p, q) for p, q in zip(module.parameters(), before[key], strict=True))
            }
            seen.append((name, tuple(calls), moved))
            calls.clear()

        monkeypatch.setattr(optimiser, "step", spy)
        assert before
    dtft.step(batch, 1.0)
    assert seen == [
        ("infrared", ("infrared",), {"infrared", "infrared_head"}),
        ("visible", ("visible",), {"visible", "visible_head"}),
        ("joint", ("infrared", "visible"), {"infrared", "visible", "joint_head"}),
    ]


def test_the_steps_see_4_6_and_10_classes_and_their_own_boxes(dtft, batch, monkeypatch):
    seen = {}
    for name in ("infrared_head", "visible_head", "joint_head"):
        head = dtft.modules[name]
        losses = head.losses

        def spy(pyramid, truth, name=name, losses=losses):
            seen[name] = [label.tolist() for label in truth.labels]
            return losses(pyramid, truth)

        monkeypatch.setattr(head, "losses", spy)
    rows = dtft.step(batch, 1.0)
    # grass_tree and short_circuit; dirty and internal_damage
    assert seen == {
        "infrared_head": [[1, 2], [0, 0]],
        "visible_head": [[0], [2]],
        "joint_head": [[0, 6], [2, 8]],
    }
    classes = [dtft.modules[name].bbox_head.num_classes for name in seen]
    assert classes == [4, 6, 10]
    assert set(rows) == {
        f"{step}_{part}" for step in ("infrared", "visible", "joint") for part in ("detection", "contrast")
    }


def test_the_losses_go_down_on_one_batch(dtft, batch):
    first = dtft.step(batch, 1.0)
    for _ in range(25):
        last = dtft.step(batch, 1.0)
    for step in ("infrared", "visible", "joint"):
        assert last[f"{step}_detection"] < 0.8 * first[f"{step}_detection"]


def test_a_batch_without_defects_can_be_learnt_from(dtft, batch):
    nothing = Truth((torch.zeros(0, 4),) * 2, (torch.zeros(0, dtype=torch.int64),) * 2, ((), ()), (64, 64))
    rows = dtft.step(Batch(batch.infrared, batch.visible, nothing), 1.0)
    assert rows["joint_contrast"] == 0
    assert all(torch.isfinite(row) for row in rows.values())


def test_once_settled_the_encoders_statistics_rest_and_their_weights_go_on(batch):
    parameters, _ = tiny_parameters()
    spec = ResidualSpec((8, 8, 16, 16), (0, 1, 0, 0))
    settling = parameters.model_copy(update={"epochs": 4, "settling": 0.5})
    task = Dtft(launch("32-true"), Architecture((64, 64), spec, spec, 16, 1, 1), settling, "site1")

    def moves(epoch):
        before = {key: value.clone() for key, value in task.modules["infrared"].state_dict().items()}
        task.epoch_begins(epoch)
        task.step(batch, 1.0)
        changed = {
            key for key, value in task.modules["infrared"].state_dict().items() if not torch.equal(value, before[key])
        }
        return {key.rpartition(".")[2] for key in changed}

    assert {"running_mean", "weight"} <= moves(2)
    assert "weight" in moves(3)
    assert "running_mean" not in moves(3)
