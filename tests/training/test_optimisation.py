import math

import pytest
import torch

from ddlivm.errors import InputError
from ddlivm.parameters.dtft_training import Schedule
from ddlivm.training.devices import launch
from ddlivm.training.optimisation import Optimiser, rate_factor

FABRIC = launch("32-true")


def test_rate_rises_linearly_then_falls_as_a_cosine():
    factors = [rate_factor(step / 100, 0.1) for step in range(101)]
    assert factors[:11] == pytest.approx([0.02 + 0.098 * step for step in range(11)])
    assert factors[40] == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)
    assert rate_factor(0, 0.0) == 1


def schedule(**changes):
    return Schedule(
        **(
            {"learning_rate": 0.1, "weight_decay": 0.5, "second_moment": 0.999, "warm_up": 0.0, "maximum_gradient": 1e9}
            | changes
        )
    )


def test_first_step_of_adamw_by_hand():
    """Adam's first step has the learning rate's size; decay takes lr times decay off weights but not off biases."""
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(layer.weight, 2.0)
    torch.nn.init.constant_(layer.bias, 2.0)
    Optimiser(FABRIC, {layer: 1.0}, schedule(), "test").step(layer(torch.ones(1, 1)).sum(), factor=0.5)
    assert layer.weight.item() == pytest.approx(2 * (1 - 0.05 * 0.5) - 0.05, rel=1e-5)
    assert layer.bias.item() == pytest.approx(2 - 0.05, rel=1e-5)


def test_a_shorter_memory_forgets_a_large_gradient_sooner():
    """After a gradient of 10 and one of 1, Adam's second moment is (β₂ · 100 + 1)(1 - β₂), its step by hand."""
    for memory in (0.999, 0.9):
        layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(layer.weight)
        optimiser = Optimiser(FABRIC, {layer: 1.0}, schedule(weight_decay=0.0, second_moment=memory), "test")
        optimiser.step(10 * layer(torch.ones(1, 1)).sum(), factor=1.0)
        before = layer.weight.item()
        optimiser.step(layer(torch.ones(1, 1)).sum(), factor=1.0)
        first = (0.9 * 10 + 1) * 0.1 / (1 - 0.9**2)
        second = (memory * 100 + 1) * (1 - memory) / (1 - memory**2)
        assert before - layer.weight.item() == pytest.approx(0.1 * first / second**0.5, rel=1e-4)


def test_gradients_are_clipped_to_the_norm():
    layer = torch.nn.Linear(3, 1, bias=False)
    optimiser = Optimiser(FABRIC, {layer: 1.0}, schedule(maximum_gradient=0.5), "test")
    optimiser.step(1000 * layer(torch.tensor([[3.0, 4.0, 0.0]])).sum(), factor=1.0)
    assert layer.weight.grad is not None
    assert layer.weight.grad.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_a_loss_that_is_no_number_stops_in_one_line():
    layer = torch.nn.Linear(1, 1)
    before = layer.weight.item()
    with pytest.raises(InputError, match=r"dtft: the loss is nan; lower learning_rate"):
        Optimiser(FABRIC, {layer: 1.0}, schedule(), "dtft").step(layer(torch.ones(1, 1)).sum() * math.nan, factor=1.0)
    assert layer.weight.item() == before
