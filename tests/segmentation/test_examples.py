import numpy as np
import pytest

from ddlivm.segmentation.examples import rasterise


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)


@pytest.mark.parametrize("size", [(40, 32), (80, 64), (20, 16)])
def test_a_rectangle_covers_its_share(size):
    raw = (160, 128)
    mask = rasterise([rectangle(16, 32, 96, 80)], raw, size)
    factor = size[0] / raw[0]
    width, height = 80 * factor, 48 * factor
    # OpenCV fills the outline too: at most a subpixel, a quarter of a pixel, on each axis.
    assert width * height <= mask.sum() <= (width + 0.25) * (height + 0.25) + 0.1
    x0, y0, x1, y1 = (round(side * factor) for side in (16, 32, 96, 80))
    np.testing.assert_array_equal(mask[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1], 1)
    outside = np.ones(mask.shape, bool)
    outside[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = False
    np.testing.assert_array_equal(mask[outside], 0)


def test_a_triangle_covers_half_of_its_box():
    mask = rasterise([np.array([(0, 0), (128, 0), (0, 128)], np.float32)], (128, 128), (64, 64))
    outline = 64 * (2 + np.sqrt(2))  # half a subpixel of it is filled too
    assert mask.sum() == pytest.approx(64 * 64 / 2, abs=outline / 8)


def test_edges_between_pixels_are_shares():
    mask = rasterise([rectangle(0, 0, 41, 32)], (64, 32), (32, 16))
    assert mask[8, 19] == 1
    assert 0.5 <= mask[8, 20] <= 0.75
    assert mask[8, 21] == 0


def test_no_outlines_no_panels_and_all_add_up():
    assert not rasterise([], (64, 64), (32, 32)).any()
    left, right = rectangle(0, 0, 20, 64), rectangle(40, 0, 64, 64)
    both = rasterise([left, right], (64, 64), (32, 32))
    np.testing.assert_array_equal(both, rasterise([left], (64, 64), (32, 32)) + rasterise([right], (64, 64), (32, 32)))


def test_outlines_that_leave_the_image_are_cut_by_it():
    mask = rasterise([rectangle(-500, -500, 32, 900)], (64, 64), (32, 32))
    np.testing.assert_array_equal(mask[:, :16], 1)
    np.testing.assert_array_equal(mask[:, 17:], 0)
