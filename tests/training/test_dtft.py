from copy import deepcopy

import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector.architecture import Architecture, ResidualSpec
from ddlivm.detector.contrast import Rules, contrast, pairs
from ddlivm.detector.heads import Truth
from ddlivm.training.batches import Batch
from ddlivm.training.devices import launch
from ddlivm.training.dtft import STEPS, Dtft, ThreeSteps
from ddlivm.training.statistics import measure_statistics, norms
from tests.training.plants import tiny_parameters

FUSED = tiny_parameters()[0].model_copy(update={"schedule": "fused", "maximum_gradient": 1e9})
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


def test_the_batch_of_each_step_by_hand(dtft, batch, monkeypatch):
    """Grass and short circuit in one tile, dirt and internal damage in the other; every box 16x16 or 28x8 pixels.

    Step 1 knows strip and bar, and two blocks of 256 and 224 square pixels. Step 2 detects grass and dirt, and has the
    two internal ones as one category. Step 3 knows four types.
    """
    seen = []

    def spy(pyramid, truth, rules):
        boxes = torch.cat(truth.boxes)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
        seen.append(([level.shape[1] for level in pyramid], pairs(torch.cat(truth.labels), sizes, rules)))
        return contrast(pyramid, truth, rules)

    monkeypatch.setattr("ddlivm.training.dtft.contrast", spy)
    dtft.step(batch, 1.0)
    channels, found = zip(*seen, strict=True)
    assert channels == ([8, 8, 16, 16], [8, 8, 16, 16], [16, 16, 32, 32])
    positives = [positive.nonzero().tolist() for positive, _ in found]
    assert positives == [[[2, 3], [3, 2]], [[1, 3], [3, 1]], []]
    assert [int(negative.sum()) for _, negative in found] == [10, 10, 12]


def test_the_masked_encoder_gets_no_gradient_and_is_not_called(dtft, batch):
    model = dtft.model.module
    for step, masked in (("infrared", "visible"), ("visible", "infrared")):
        called: list[int] = []
        hook = getattr(model, masked).register_forward_pre_hook(lambda *_, called=called: called.append(1))
        model.zero_grad(set_to_none=True)
        losses = dtft.model((step,), batch.infrared, batch.visible, batch.truth)
        dtft.optimisers[step].fabric.backward(torch.stack(list(losses.values())).sum())
        hook.remove()
        assert not called
        assert all(parameter.grad is None for parameter in getattr(model, masked).parameters())
        assert all(parameter.grad is not None for parameter in getattr(model, step).parameters())


def test_the_fused_gradient_is_the_sum_of_the_three_and_each_encoder_runs_once(dtft, batch):
    parameters, _ = tiny_parameters()
    fused = Dtft(launch("32-true"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), FUSED, "site1")
    for name, module in dtft.modules.items():
        fused.modules[name].load_state_dict(module.state_dict())
    calls = []
    for name in ("infrared", "visible"):
        fused.modules[name].register_forward_hook(lambda *_, name=name: calls.append(name))
    fused.step(batch, 0.0)
    assert calls == ["infrared", "visible"]
    assert list(fused.optimisers) == ["fused"]
    for step in STEPS:
        losses = dtft.model((step,), batch.infrared, batch.visible, batch.truth)
        detection, distance = losses[f"{step}_detection"], losses[f"{step}_contrast"]
        (parameters.loss_weights[0] * detection + distance).backward()
    pairs_of = zip(fused.model.module.parameters(), dtft.model.module.parameters(), strict=True)
    for ours, theirs in pairs_of:
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


def test_encoders_can_learn_at_a_share_of_the_rate(batch):
    """Adam's first step has the learning rate's size, whatever the gradient's."""
    slow = tiny_parameters()[0].model_copy(update={"encoder_rate": 0.1, "weight_decay": 0.0})
    task = Dtft(launch("32-true"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), slow, "site1")
    before = {name: [p.clone() for p in module.parameters()] for name, module in task.modules.items()}
    task.optimisers["joint"].step(
        torch.stack(list(task.model(("joint",), batch.infrared, batch.visible, batch.truth).values())).sum(), 1.0
    )
    moved = {
        name: max(float((p - q).abs().max()) for p, q in zip(module.parameters(), before[name], strict=True))
        for name, module in task.modules.items()
    }
    assert moved["joint_head"] == pytest.approx(1e-3, rel=1e-2)
    assert moved["infrared"] == moved["visible"] == pytest.approx(1e-4, rel=1e-2)


def test_rules_of_the_steps_follow_the_parameters():
    told = tiny_parameters()[0].contrast
    architecture = Architecture((64, 64), SPEC, SPEC, 16, 1, 1)

    def rules(**changes):
        parameters = tiny_parameters()[0].model_copy(update={"contrast": told.model_copy(update=changes)})
        return ThreeSteps(architecture, parameters).rules

    assert rules() == {"infrared": Rules(soft=True), "visible": Rules(), "joint": Rules()}
    assert all(rule.soft for rule in rules(soft_everywhere=True).values())
    assert [rule.apart for rule in rules(internal_positives=False).values()] == [None, 6, None]
    assert {rule.distance for rule in rules(distance="raw").values()} == {"raw"}


def test_losses_are_float32_where_layers_are_not(batch):
    """bfloat16 keeps three digits: losses of that type would be multiples of a 128th of their size."""
    rows = {}
    for precision in ("32-true", "bf16-mixed"):
        task = Dtft(launch(precision), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), tiny_parameters()[0], "site1")
        rows[precision] = task.step(batch, 1.0)
    assert all(loss.dtype == torch.float32 for loss in rows["bf16-mixed"].values())
    assert any(loss.bfloat16() != loss for loss in rows["bf16-mixed"].values())
    for name, loss in rows["32-true"].items():
        assert rows["bf16-mixed"][name].item() == pytest.approx(loss.item(), rel=0.1, abs=0.02)


def test_boxes_stay_float32_where_layers_are_not(batch, monkeypatch):
    task = Dtft(launch("bf16-mixed"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), tiny_parameters()[0], "site1")
    seen = []

    def spy(pyramid, truth, rules):
        seen.append(truth.boxes[0].dtype)
        return contrast(pyramid, truth, rules)

    monkeypatch.setattr("ddlivm.training.dtft.contrast", spy)
    levels = task.modules["infrared"].register_forward_hook(lambda _m, _i, maps: seen.append(maps[0].dtype))
    task.model(("infrared",), batch.infrared, batch.visible, batch.truth)
    levels.remove()
    assert seen == [torch.bfloat16, torch.float32]


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
        task.epoch_begins(epoch, False)
        task.step(batch, 1.0)
        changed = {
            key for key, value in task.modules["infrared"].state_dict().items() if not torch.equal(value, before[key])
        }
        return {key.rpartition(".")[2] for key in changed}

    assert {"running_mean", "weight"} <= moves(2)
    assert "weight" in moves(3)
    assert "running_mean" not in moves(3)


def statistics(encoder):
    return {key: value.clone() for key, value in encoder.state_dict().items() if "running_" in key}


def measuring(settling, count=2):
    """A training of four epochs, and what becomes of it: how often each encoder's images were asked for."""
    asked: list[int] = []

    def images():
        asked.append(1)
        generator = torch.Generator().manual_seed(1)
        for _ in range(count):
            yield torch.randn(1, 1, 64, 96, generator=generator), torch.randn(1, 3, 112, 168, generator=generator)

    parameters = tiny_parameters()[0].model_copy(update={"epochs": 4, "settling": settling})
    task = Dtft(launch("32-true"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), parameters, "site1", images)
    return task, asked


@pytest.mark.parametrize(("settling", "at"), [(0.0, 1), (0.4, 2), (0.5, 3), (0.75, 4), (1.0, None)])
def test_statistics_are_measured_once_when_they_settle(settling, at):
    task, asked = measuring(settling)
    measured = []
    for epoch in (1, 2, 3, 4):
        task.epoch_begins(epoch, resumed=False)
        measured += [epoch] * len(asked)
        asked.clear()
    assert measured == ([] if at is None else [at, at]), "once for each encoder"


def test_an_epoch_that_goes_on_keeps_the_statistics_of_its_beginning():
    task, asked = measuring(0.5)
    before = [statistics(encoder) for encoder in task.encoders]
    task.epoch_begins(3, resumed=True)
    assert not asked
    for encoder, own in zip(task.encoders, before, strict=True):
        assert all(torch.equal(value, own[key]) for key, value in statistics(encoder).items())
        assert not any(norm.training for norm in norms(encoder))


def test_each_encoder_is_measured_on_its_own_modality_by_what_it_sees_whole():
    task, _ = measuring(0.0)
    copies = [deepcopy(encoder) for encoder in task.encoders]
    task.epoch_begins(1, resumed=False)
    for index, (encoder, copy) in enumerate(zip(task.encoders, copies, strict=True)):
        measure_statistics(copy, (pair[index] for pair in task.images()))
        expected = statistics(copy)
        assert all(torch.equal(value, expected[key]) for key, value in statistics(encoder).items())
        assert not any(norm.training for norm in norms(encoder))


def test_with_no_images_to_measure_on_the_statistics_so_far_stay(batch):
    task, _ = measuring(0.5, count=0)
    task.step(batch, 1.0)
    before = [statistics(encoder) for encoder in task.encoders]
    task.epoch_begins(3, resumed=False)
    for encoder, own in zip(task.encoders, before, strict=True):
        assert all(torch.equal(value, own[key]) for key, value in statistics(encoder).items())


def test_the_joint_schedule_takes_step_3_alone(batch):
    joint = tiny_parameters()[0].model_copy(update={"schedule": "joint"})
    task = Dtft(launch("32-true"), Architecture((64, 64), SPEC, SPEC, 16, 1, 1), joint, "site1")
    before = {name: [p.clone() for p in module.parameters()] for name, module in task.modules.items()}
    rows = task.step(batch, 1.0)
    moved = {
        name
        for name, module in task.modules.items()
        if any(not torch.equal(p, q) for p, q in zip(module.parameters(), before[name], strict=True))
    }
    assert moved == {"infrared", "visible", "joint_head"}
    assert set(rows) == {"joint_detection", "joint_contrast"}
    assert list(task.optimisers) == ["joint"]
