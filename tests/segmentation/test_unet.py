import numpy as np
import torch

from ddlivm.segmentation.unet import UNet, texture


def scene() -> torch.Tensor:
    """Grainy ground and a smooth panel of the same brightness, with one frame across it."""
    image = np.random.default_rng(0).normal(0, 0.5, (1, 1, 64, 64)).astype(np.float32)
    image[..., 16:48, 16:48] = 0
    image[..., 32, 16:48] = -1.5
    return torch.from_numpy(image).expand(1, 3, 64, 64)


def test_grain_tells_ground_from_panels_of_one_temperature():
    near, around = texture(scene())[0]
    assert near.shape == around.shape == (32, 32)
    ground = torch.ones(32, 32, dtype=torch.bool)
    ground[7:25, 7:25] = False
    assert near[10:14, 10:22].max() < near[ground].min()
    assert around[12, 12] < around[ground].quantile(0.05)


def test_texture_is_a_mean_of_laplacians_that_a_plain_computation_gives():
    image = torch.from_numpy(np.random.default_rng(1).normal(0, 1, (2, 3, 32, 32)).astype(np.float32))
    grey = np.pad(image.mean(dim=1).numpy(), ((0, 0), (1, 1), (1, 1)), mode="reflect")
    near = np.zeros((2, 16, 16))
    for row in range(32):
        for column in range(32):
            y, x = row + 1, column + 1
            beside = grey[:, y, x - 1] + grey[:, y, x + 1] + grey[:, y - 1, x] + grey[:, y + 1, x]
            near[:, row // 2, column // 2] += np.abs(4 * grey[:, y, x] - beside) / 4
    found = texture(image).numpy()
    expected = np.log(near + 0.02)
    np.testing.assert_allclose(found[:, 0], expected - expected.mean(axis=(1, 2), keepdims=True), atol=1e-4)
    wide = np.log(near[:, 4:13, 4:13].mean(axis=(1, 2)) + 0.02)
    corner = np.log(near[:, :5, :5].mean(axis=(1, 2)) + 0.02)
    np.testing.assert_allclose(found[:, 1, 8, 8] - found[:, 1, 0, 0], wide - corner, atol=1e-4)


def test_it_trains_at_half_the_sides_and_answers_at_the_whole():
    network, image = UNet((8, 8, 16, 16)), torch.zeros(2, 3, 64, 96)
    assert network.decode(image).logits.shape == (2, 1, 32, 48)
    assert network(image).shape == (2, 1, 64, 96)
