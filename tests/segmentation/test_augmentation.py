import numpy as np

from ddlivm.segmentation.augmentation import vary


def panel() -> tuple[np.ndarray, np.ndarray]:
    """A bright rectangle off the middle, and its mask."""
    mask = np.zeros((48, 64), np.float32)
    mask[8:30, 12:52] = 1
    return np.repeat(mask[..., None] * 60 + 90, 3, axis=2), mask


def contrasts(infrared: bool) -> np.ndarray:
    """How many deviations the panel is brighter than the ground, under the mask that came back, over some draws."""
    image, mask = panel()
    found = []
    for seed in range(40):
        varied, moved = vary(image, mask, infrared, np.random.default_rng(seed))
        assert varied.shape == image.shape
        assert moved.shape == mask.shape
        assert varied.dtype == np.float32
        assert 0 <= varied.min() < varied.max() <= 255
        assert 0 <= moved.min() <= moved.max() <= 1
        grey = varied.mean(axis=2)
        found.append((grey[moved > 0.95].mean() - grey[moved < 0.05].mean()) / grey.std())
    return np.array(found)


def test_image_and_mask_move_together():
    assert contrasts(infrared=False).min() > 0.8


def test_infrared_panels_are_at_times_the_colder_ones():
    found = contrasts(infrared=True)
    assert np.abs(found).min() > 0.8
    assert 0 < (found < 0).mean() < 0.15  # the simulated plants have warm grounds of their own


def test_the_mask_moves_and_scales():
    image, mask = panel()
    areas = [vary(image, mask, False, np.random.default_rng(seed))[1].sum() for seed in range(20)]
    assert min(areas) < 0.95 * mask.sum()
    assert max(areas) > 1.2 * mask.sum()


def test_the_same_draws_give_the_same_image():
    image, mask = panel()
    for seed in (0, 1):
        first, second = (vary(image, mask, True, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
