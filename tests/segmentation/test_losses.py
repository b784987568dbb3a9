import numpy as np
import pytest
import torch

from ddlivm.parameters.background_removal import BackgroundRemoval
from ddlivm.segmentation.losses import background_removal_loss, laplacian, ssim_loss, supervised_loss
from ddlivm.segmentation.network import Decoded
from tests.segmentation.panels import tiny_section


def masks(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0, 1, (2, 1, 19, 23))
    return predicted, (rng.uniform(0, 1, predicted.shape) > 0.4).astype(np.float64)


def numpy_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two masks straight from its definition: an 11x11 window of sigma 1.5, zeros outside."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(x: np.ndarray) -> np.ndarray:
        views = np.lib.stride_tricks.sliding_window_view(np.pad(x, 5), (11, 11))
        return (views * window).sum(axis=(2, 3))

    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    value = (2 * ma * mb + 1e-4) * (2 * vab + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    return float(value.mean())


def test_ssim_is_what_its_definition_says():
    predicted, target = masks()
    expected = np.mean([numpy_ssim(a, b) for a, b in zip(predicted[:, 0], target[:, 0], strict=True)])
    found = ssim_loss(torch.tensor(predicted, dtype=torch.float32), torch.tensor(target, dtype=torch.float32))
    assert found.item() == pytest.approx((1 - expected) / 2, abs=1e-5)


def test_identical_masks_cost_nothing_and_order_does_not_matter():
    predicted, target = (torch.tensor(x, dtype=torch.float32) for x in masks(1))
    assert ssim_loss(target, target).item() == pytest.approx(0, abs=1e-6)
    assert ssim_loss(predicted, target).item() == pytest.approx(ssim_loss(target, predicted).item(), abs=1e-6)


def test_constant_masks_have_a_closed_form_away_from_the_border():
    # Without variance the contrast term is 1 and SSIM is (2ab + c1) / (a² + b² + c1); the border's share is small.
    a, b, side = 0.8, 0.2, 400
    expected = (1 - (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)) / 2
    found = ssim_loss(torch.full((1, 1, side, side), a), torch.full((1, 1, side, side), b))
    assert found.item() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("weights", "logit", "target", "expected"),
    [
        ((0, 1, 0), 0.0, 1.0, np.log(2)),
        ((0, 1, 0), 3.0, 0.0, np.log1p(np.exp(3.0))),
        ((0, 1, 0), -200.0, 1.0, 200.0),  # a logit so sure of the wrong answer stays a number
        ((0, 0, 1), 0.0, 1.0, 0.5),
        ((0, 0, 1), 2.0, 0.0, 1 / (1 + np.exp(-2.0))),
        ((0, 1, 0.3), 0.0, 1.0, np.log(2) + 0.15),
    ],
)
def test_bce_and_l1_have_closed_forms_on_constants(weights, logit, target, expected):
    shape = (2, 1, 16, 16)
    found = background_removal_loss(torch.full(shape, logit), torch.full(shape, target), weights)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_the_weighted_sum_of_eq_1():
    predicted, target = masks(2)
    logits = np.log(predicted / (1 - predicted))
    ssim = np.mean([numpy_ssim(a, b) for a, b in zip(predicted[:, 0], target[:, 0], strict=True)])
    bce = -np.mean(target * np.log(predicted) + (1 - target) * np.log(1 - predicted))
    expected = 0.1 * (1 - ssim) / 2 + 1.0 * bce + 0.3 * np.abs(predicted - target).mean()
    found = background_removal_loss(
        torch.tensor(logits, dtype=torch.float32), torch.tensor(target, dtype=torch.float32), (0.1, 1.0, 0.3)
    )
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_following_the_gradient_finds_the_mask():
    target = torch.zeros(1, 1, 24, 24)
    target[..., 6:18, 4:20] = 1
    logits = torch.zeros_like(target, requires_grad=True)
    for _ in range(30):
        (gradient,) = torch.autograd.grad(background_removal_loss(logits, target, (0.1, 1.0, 0.3)), logits)
        logits = (logits - 300 * gradient).detach().requires_grad_()
    assert torch.equal(logits > 0, target > 0.5)


@pytest.mark.parametrize(
    ("given", "weights"),
    [("paper", (0.1, 1.0, 0.3)), ("birefnet_matting", (0.1, 0.3, 1.0)), ([0.5, 0.0, 2.0], (0.5, 0.0, 2.0))],
)
def test_weights_are_named_or_given(given: object, weights: tuple[float, float, float]):
    section = BackgroundRemoval.model_validate(tiny_section().model_dump() | {"loss_weights": given})
    assert section.alphas == weights


@pytest.mark.parametrize("given", ["rmbg", [0.1, 1.0], [-0.1, 1.0, 0.3], None])
def test_other_weights_are_refused(given: object):
    with pytest.raises(ValueError, match="loss_weights"):
        BackgroundRemoval.model_validate(tiny_section().model_dump() | {"loss_weights": given})


def test_side_maps_cost_like_the_answer_at_full_size():
    images, target = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    answer, side = torch.full((1, 1, 32, 32), 2.0), torch.full((1, 1, 4, 4), -1.0)
    weights = (0.1, 1.0, 0.3)
    expected = sum(background_removal_loss(torch.full((1, 1, 32, 32), value), target, weights) for value in (2.0, -1.0))
    found = supervised_loss(Decoded(answer, (side,)), images, target, weights)
    torch.testing.assert_close(found, expected)


def test_gradients_are_supervised_by_the_images_change_inside_the_side_map():
    rng = np.random.default_rng(0)
    images = torch.tensor(rng.normal(0, 1, (2, 3, 16, 16)), dtype=torch.float32)
    target, side = torch.ones(2, 1, 16, 16), torch.full((2, 1, 2, 2), 3.0, requires_grad=True)
    gradient, answer = torch.full((2, 1, 2, 2), 0.7), torch.zeros(2, 1, 16, 16)
    kernel = np.ones((5, 5)) / 48
    kernel[2, 2] = -24 / 48
    grey = np.pad(images.mean(dim=1).numpy(), ((0, 0), (2, 2), (2, 2)), mode="reflect")
    change = (np.lib.stride_tricks.sliding_window_view(grey, (5, 5), axis=(1, 2)) * kernel).sum(axis=(-1, -2))
    np.testing.assert_allclose(laplacian(images.mean(dim=1, keepdim=True))[:, 0], change, atol=1e-5)
    label = 1 / (1 + np.exp(-3.0 * change))
    predicted = 1 / (1 + np.exp(-0.7))
    expected = -np.mean(label * np.log(predicted) + (1 - label) * np.log(1 - predicted))
    with_gradients = supervised_loss(Decoded(answer, (side,), (gradient,)), images, target, (0, 0, 0))
    assert with_gradients.item() == pytest.approx(expected, abs=1e-5)
    with_gradients.backward()
    assert side.grad is not None
    assert not side.grad.any()  # the label is given, not learnt
