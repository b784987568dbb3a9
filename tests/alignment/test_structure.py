import numpy as np
import pytest

from ddlivm.alignment.structure import PANELS, structure


def module_grid() -> np.ndarray:
    image = np.random.default_rng(0).normal(0, 0.05, (80, 100))
    image[::16] -= 4
    image[:, ::16] -= 4
    return image.astype(np.float32)


def strength(image: np.ndarray) -> np.ndarray:
    return np.hypot(*np.moveaxis(structure(image, None)[..., :2], 2, 0))


@pytest.mark.parametrize(("gain", "offset"), [(-1, 0), (5, 0), (1, 273.15), (-40, 200)])
def test_structure_minds_neither_sign_nor_units(gain: float, offset: float):
    image = module_grid()
    moved = structure(image * np.float32(gain) + np.float32(offset), None)
    np.testing.assert_allclose(moved, structure(image, None), atol=0.1)


@pytest.mark.parametrize(("angle", "expected"), [(0, (1, 0)), (90, (-1, 0)), (45, (0, 1)), (135, (0, -1))])
def test_direction_is_doubled(angle: float, expected: tuple[int, int]):
    y, x = np.mgrid[0:60, 0:60].astype(np.float32)
    along = np.deg2rad(angle)
    ramp = (np.cos(along) * x + np.sin(along) * y).astype(np.float32)
    edges = structure(ramp, None)[30, 30, :2]
    np.testing.assert_allclose(edges / np.linalg.norm(edges), expected, atol=0.01)


def test_one_glaring_edge_does_not_outweigh_the_grid():
    image = module_grid()
    glaring = image.copy()
    glaring[40:43, 10:90] += 400
    assert strength(glaring)[:20].max() > 0.5 * strength(image)[:20].max()


def test_a_burnt_out_patch_has_no_structure():
    image = module_grid()
    image[:, 60:] = 30
    assert strength(image)[:, 66:].max() < 0.1 * strength(image)[:, :60].mean()
    np.testing.assert_array_equal(structure(np.zeros((40, 50), np.float32), None), 0)


def test_panels_are_the_third_channel_and_unknown_ones_say_nothing():
    image = module_grid()
    mask = np.zeros((8, 10), np.float32)
    mask[:, :5] = 1
    panels = structure(image, mask)[..., 2]
    assert panels[40, 10] == pytest.approx(PANELS**0.5)
    assert panels[40, 90] == pytest.approx(-(PANELS**0.5))
    assert not structure(image, None)[..., 2].any()
