import numpy as np
import pytest

from ddlivm.detector.normalisation import InfraredRange, normalise_infrared
from ddlivm.detector.tensors import infrared_tensor, visible_tensor


def test_the_median_and_a_hotspot_in_temperatures():
    values = np.full((5, 5), 31.0, dtype=np.float32)
    values[2, 2] = 41.0
    scaled = normalise_infrared(values, radiometric=True)
    assert scaled[0, 0] == pytest.approx((0.5 - 0.425) / 0.2)
    assert scaled[2, 2] - scaled[0, 0] == pytest.approx(10 / 40 / 0.2, rel=1e-5)


def test_grey_levels_scale_by_their_own_spread():
    rng = np.random.default_rng(0)
    grey = rng.normal(100, 10, (64, 64)).astype(np.float32)
    once, stretched = normalise_infrared(grey, False), normalise_infrared(grey * 2 + 7, False)
    assert np.allclose(once, stretched, atol=1e-4)
    assert InfraredRange.of(np.full((4, 4), 9.0, dtype=np.float32), False).span > 0


def test_cold_sky_is_cut_but_hot_spots_are_not():
    values = np.array([[30.0, 30, 30], [30, -200, 90]], dtype=np.float32)
    scaled = normalise_infrared(values, True) * 0.2 + 0.425
    assert scaled[1, 1] == pytest.approx(-1)
    assert scaled[1, 2] == pytest.approx(0.5 + 60 / 40)


def test_tensors_have_their_channels_last_in_memory():
    image = np.zeros((2, 4, 6, 3), dtype=np.uint8)
    image[..., 1] = 255
    visible = visible_tensor(image)
    assert visible.shape == (2, 3, 4, 6)
    assert visible[0, :, 0, 0].tolist() == pytest.approx(
        [-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225], rel=1e-5
    )
    infrared = infrared_tensor(np.ones((2, 4, 6), dtype=np.float32))
    assert infrared.shape == (2, 1, 4, 6)
    assert visible.stride()[1] == 1
