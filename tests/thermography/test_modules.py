import numpy as np
import pytest

from ddlivm.thermography.modules import find_modules
from tests.thermography.drawn import HEALTHY, MODULE, UPPER, draw, module_box


def test_frames_part_the_modules_where_they_are():
    values, panels = draw()
    modules = find_modules(values, panels)
    assert len(modules) == 99
    expected = sorted(module_box(table, row, column) for table in range(3) for row in range(3) for column in range(11))
    np.testing.assert_allclose(sorted(map(tuple, modules.boxes.tolist())), expected, atol=1)
    assert np.median(modules.areas) == pytest.approx(MODULE[0] * MODULE[1], rel=0.1)


def test_ground_beyond_the_last_frame_is_no_module():
    values, panels = draw()
    lower = UPPER[0] + 3 * 27
    values[lower : lower + 6, 20:600] = 240  # hot grass behind the frame
    panels[lower : lower + 6, 20:600] = True
    modules = find_modules(values, panels)
    assert len(modules) == 99
    assert not modules.labels[lower + 1 :][: UPPER[1] - lower - 10].any()


def test_cool_cells_between_hot_ones_are_not_frames():
    values, panels = draw()
    x0, y0, x1, y1 = module_box(1, 1, 5)
    for x in range(x0, x1, 10):
        values[y0:y1, x : x + 5] = HEALTHY + 60
    labels = find_modules(values, panels).labels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
    assert len(np.unique(labels[labels > 0])) == 1
    assert (labels > 0).mean() > 0.97


def test_a_picture_without_panels_has_no_modules():
    values, panels = draw()
    assert len(find_modules(values, np.zeros_like(panels))) == 0
