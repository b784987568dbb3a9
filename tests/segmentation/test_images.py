import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.segmentation.images import Image, imagenet, standardise, stretch

SIZE = (48, 32)


def network_input(image: Image, size: tuple[int, int]) -> np.ndarray:
    return standardise(stretch(image, size)).transpose(2, 0, 1)


def thermal() -> np.ndarray:
    """30 °C ground, warmer panels, a little noise."""
    image = np.random.default_rng(3).normal(30, 0.5, (64, 96)).astype(np.float32)
    image[12:28] += 8
    image[40:56] += 8
    return image


@settings(max_examples=30)
@given(gain=st.floats(0.05, 100), offset=st.floats(-300, 300))
def test_degrees_and_grey_levels_give_the_same_input(gain: float, offset: float):
    celsius = thermal()
    grey = (celsius * np.float32(gain) + np.float32(offset)).astype(np.float32)
    np.testing.assert_allclose(network_input(grey, SIZE), network_input(celsius, SIZE), atol=5e-3)


def test_grey_levels_of_a_camera_give_almost_the_same_input_as_its_degrees():
    celsius = thermal()
    low, high = celsius.min(), celsius.max()
    grey = np.round((celsius - low) / (high - low) * 255).astype(np.float32)
    assert np.abs(network_input(grey, SIZE) - network_input(celsius, SIZE)).max() < 0.05


def test_one_burning_module_does_not_dim_the_rest():
    celsius, burning = thermal(), thermal()
    burning[20, 30:33] = 900  # under one percent of the pixels
    before, after = (network_input(image, (96, 64)) for image in (celsius, burning))
    rest = np.ones((64, 96), bool)
    rest[20, 30:33] = False
    assert np.abs(before - after)[:, rest].max() < 0.1


def test_infrared_becomes_three_equal_channels_of_zero_mean_and_unit_deviation():
    found = network_input(thermal(), SIZE)
    assert found.shape == (3, 32, 48)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert found.mean() == pytest.approx(0, abs=1e-3)
    assert found.std() == pytest.approx(1, abs=1e-2)


def test_visible_keeps_its_colours():
    image = np.zeros((32, 48, 3), np.uint8)
    image[:, :24, 0] = 200  # red on the left, blue on the right
    image[:, 24:, 2] = 200
    found = network_input(image, SIZE)
    mean, deviation = image.mean(), image.std()
    assert found[0, 5, 5] == pytest.approx((200 - mean) / deviation, abs=1e-4)
    assert found[2, 5, 40] == pytest.approx((200 - mean) / deviation, abs=1e-4)
    assert found[1].max() == pytest.approx(-mean / deviation, abs=1e-4)


@pytest.mark.parametrize("image", [np.full((20, 30), 25, np.float32), np.full((20, 30, 3), 128, np.uint8)])
@pytest.mark.parametrize("size", [(16, 16), (64, 48)])
def test_a_flat_image_is_zero_and_not_undefined(image, size):
    np.testing.assert_allclose(network_input(image, size), np.zeros((3, size[1], size[0])), atol=0.02)


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((64, 64), np.float32)
    stripes[:, ::2] = 1
    stripes[:8] = 5
    found = network_input(stripes, (16, 16))[0]
    assert np.ptp(found[4:]) == pytest.approx(0, abs=1e-5)


def test_standardise_clips_at_three_deviations():
    image = np.zeros((50, 50, 3), np.float32)
    image[0, 0] = 1e6
    assert standardise(image).max() == 3
    assert cv2.minMaxLoc(standardise(-image)[..., 0])[0] == -3


def test_levels_are_between_0_and_255_and_one_percent_at_each_end_is_cut():
    levels = stretch(thermal(), (96, 64))
    assert levels.shape == (64, 96, 3)
    assert (levels.min(), levels.max()) == (0, 255)
    assert (levels == 255).mean() == pytest.approx(0.01, abs=0.005)
    visible = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    np.testing.assert_array_equal(stretch(visible, (96, 64)), visible)


def test_public_backbones_get_imagenets_colours():
    image = np.zeros((2, 2, 3), np.float32)
    image[0, 0] = 255 * np.array([0.485, 0.456, 0.406])
    image[1, 1] = 255
    np.testing.assert_allclose(imagenet(image)[0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(imagenet(image)[1, 1], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
