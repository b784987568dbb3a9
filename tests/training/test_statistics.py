import numpy as np
import pytest
import torch
from torch import nn

from ddlivm.training.statistics import measure_statistics, norms


@pytest.fixture
def encoder():
    """One layer, one pixel wide, so that what it normalises is the image times its weights."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, momentum=0.3)
    norm.load_state_dict(norm.state_dict() | {"running_mean": torch.rand(3), "running_var": 1 + torch.rand(3)})
    return nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), norm)


def images(count, size=(5, 7)):
    generator = torch.Generator().manual_seed(1)
    return [3 * index + torch.randn(1, 2, *size, generator=generator) for index in range(count)]


def state(encoder):
    return {key: value.clone() for key, value in encoder.state_dict().items()}


def test_measured_statistics_are_the_averages_of_the_images_own(encoder):
    given = images(4)
    measure_statistics(encoder, given)
    weight = encoder[0].weight.detach().numpy()[:, :, 0, 0]
    maps = [np.einsum("oc,chw->ohw", weight, image[0].numpy()) for image in given]
    means = np.mean([each.mean(axis=(1, 2)) for each in maps], axis=0)
    variances = np.mean([each.var(axis=(1, 2), ddof=1) for each in maps], axis=0)
    assert np.allclose(encoder[1].running_mean.numpy(), means, rtol=1e-5)
    assert np.allclose(encoder[1].running_var.numpy(), variances, rtol=1e-5)


def test_modes_momentum_and_weights_stay_as_they_were(encoder):
    second = nn.BatchNorm2d(3, momentum=0.1)
    whole = nn.Sequential(*encoder, second).train()
    encoder[1].eval()
    before = state(whole)
    measure_statistics(whole, images(2))
    assert [(norm.training, norm.momentum) for norm in norms(whole)] == [(False, 0.3), (True, 0.1)]
    assert whole.training
    moved = {key for key, value in whole.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.rpartition(".")[2] for key in moved} == {"running_mean", "running_var", "num_batches_tracked"}
    assert all(parameter.grad is None for parameter in whole.parameters())


def test_without_images_statistics_stay_as_they_were(encoder):
    before = state(encoder)
    measure_statistics(encoder, [])
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    assert encoder[1].momentum == 0.3


def test_an_encoder_without_batch_normalisation_is_not_run():
    measure_statistics(nn.Sequential(nn.Conv2d(1, 1, 1), nn.GroupNorm(1, 1)), images(1))


def test_those_of_several_processes_are_found_too():
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(3)))
    assert [norm.num_features for norm in norms(synchronised)] == [2, 3]
