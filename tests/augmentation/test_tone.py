"""Changes of tone on values whose answer is known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.tone import TONES, autocontrast, equalize, posterize, solarize

RAMP = np.linspace(0.25, 0.5, 64, dtype=np.float32).reshape(8, 8, 1)


@given(name=st.sampled_from(sorted(TONES)), level=st.floats(0, 1), seed=st.integers(0, 999), flat=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_tone_stays_in_range_and_leaves_its_input_alone(name: str, level: float, seed: int, flat: bool) -> None:
    image = np.random.default_rng(seed).uniform(0, 1, (9, 7, 3)).astype(np.float32)
    if flat:
        image[:] = 0.3
    before = image.copy()
    changed = TONES[name](image, level)
    assert (changed.shape, changed.dtype) == (image.shape, np.float32)
    assert 0 <= changed.min() <= changed.max() <= 1 + 1e-6
    np.testing.assert_array_equal(image, before)


def test_autocontrast_fills_the_range_and_equalize_gives_equal_shares() -> None:
    np.testing.assert_allclose(autocontrast(RAMP, 0).ravel(), np.linspace(0, 1, 64), atol=1e-6)
    skewed = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100, 1) ** 1.5
    np.testing.assert_allclose(np.sort(equalize(skewed, 0).ravel()), np.linspace(0, 1, 10_000), atol=0.02)


def test_channels_are_changed_alone_and_constant_ones_stay() -> None:
    image = np.concatenate([RAMP, np.full_like(RAMP, 0.7)], axis=2)
    for change in (autocontrast, equalize):
        changed = change(image, 0)
        assert changed[..., 0].max() == pytest.approx(1)
        np.testing.assert_array_equal(changed[..., 1], image[..., 1])


@pytest.mark.parametrize(("level", "colours"), [(0, 16), (0.34, 8), (0.67, 4), (1, 2)])
def test_posterize_leaves_a_power_of_two(level: float, colours: int) -> None:
    ramp = np.linspace(0, 1, 1000, dtype=np.float32).reshape(10, 100, 1)
    assert len(np.unique(posterize(ramp, level))) == colours


def test_solarize_inverts_the_bright() -> None:
    values = np.array([0.1, 0.6, 0.8, 1.0], np.float32).reshape(1, 4, 1)
    np.testing.assert_allclose(solarize(values, 0.3).ravel(), [0.1, 0.6, 0.2, 0.0], atol=1e-6)
    np.testing.assert_array_equal(solarize(values, 0), values)
