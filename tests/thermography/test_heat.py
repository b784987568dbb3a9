"""The heat of boxes, on drawn pictures."""

import numpy as np
import pytest

from ddlivm.thermography import excess, heats
from tests.thermography.drawn import draw, module_box

RISE = 60.0


def test_a_box_is_as_hot_as_its_hottest_pixels_in_deviations_of_healthy_panels():
    values, panels = draw()
    x0, y0, x1, y1 = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 14, x0 + 20 : x0 + 26] += RISE  # 36 pixels, of which the ten hottest count
    found = excess(values, panels, radiometric=False)
    close, loose, healthy = (
        (x0 + 20, y0 + 8, x0 + 26, y0 + 14),
        (x0, y0, x1, y1),
        module_box(0, 1, 5),
    )
    measured = heats(found, np.array([close, loose, healthy], np.float32))
    assert measured[0] == pytest.approx(RISE / found.deviation, rel=0.15)
    assert measured[1] == measured[0], "how much of its surroundings a box holds does not matter"
    assert 0 < measured[2] < 0.25 * measured[0]


def test_heat_does_not_depend_on_the_images_unit():
    values, panels = draw()
    x0, y0, x1, y1 = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 14, x0 + 20 : x0 + 26] += RISE
    boxes = np.array([(x0, y0, x1, y1)], np.float32)
    values *= 4  # a grey level is the least deviation
    kelvin = excess((20 + 0.5 * values).astype(np.float32), panels, radiometric=True)
    grey = excess(values, panels, radiometric=False)
    assert heats(kelvin, boxes) == pytest.approx(heats(grey, boxes), rel=1e-3)


def test_boxes_without_a_panel_and_beyond_the_border_have_none():
    values, panels = draw()
    found = excess(values, panels, radiometric=False)
    boxes = np.array([(0, 0, 10, 10), (-50, -50, -5, -5), (900, 900, 950, 950)], np.float32)
    assert heats(found, boxes).tolist() == [0, 0, 0]
    assert heats(found, np.zeros((0, 4), np.float32)).shape == (0,)
