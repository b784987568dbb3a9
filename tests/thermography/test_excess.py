import numpy as np
import pytest

from ddlivm.thermography import excess
from tests.thermography.drawn import NOISE, draw, module_box

KELVIN = 0.1
"""Kelvin per grey level of the drawn pictures, where they stand for temperatures."""


def celsius(values: np.ndarray) -> np.ndarray:
    return (20 + KELVIN * values).astype(np.float32)


def test_healthy_panels_have_no_excess_and_the_ground_none_at_all():
    values, panels = draw()
    found = excess(values, panels, radiometric=False)
    inner = found.modules.inner
    assert np.median(found.values[inner]) == pytest.approx(0, abs=0.15)
    assert found.values[~panels].tolist() == [0] * int((~panels).sum())
    assert np.abs(found.above).max() < 1
    # Noise is evened out over a few pixels before its deviation is taken, and never falls below a grey level.
    assert 1 <= found.deviation < NOISE


def test_the_excess_is_in_kelvin_where_the_camera_gives_temperatures():
    values, panels = draw()
    x0, y0, *_ = module_box(1, 1, 5)
    values[y0 + 8 : y0 + 16, x0 + 20 : x0 + 30] += 80
    found = excess(celsius(values), panels, radiometric=True)
    assert found.unit == "K"
    assert np.median(found.values[y0 + 9 : y0 + 15, x0 + 21 : x0 + 29]) == pytest.approx(8, abs=0.3)
    grey = excess(values, panels, radiometric=False)
    assert grey.unit == "deviations"
    middle = np.median(grey.values[y0 + 9 : y0 + 15, x0 + 21 : x0 + 29])
    assert middle == pytest.approx(80 / grey.deviation, rel=0.05)


def test_a_string_of_hot_modules_does_not_become_its_own_reference():
    values, panels = draw()
    hot = [module_box(1, row, column) for row in range(3) for column in range(9)]
    for x0, y0, x1, y1 in hot:
        values[y0:y1, x0:x1] += 60
    found = excess(celsius(values), panels, radiometric=True)
    for x0, y0, x1, y1 in hot:
        assert np.median(found.values[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4]) == pytest.approx(6, abs=0.4)
    assert (found.above > 3.5 * found.module_deviation).sum() == 27


def test_what_all_modules_share_is_healthy():
    values, panels = draw()
    for table in range(3):
        for row in range(3):
            for column in range(11):
                x0, y0, x1, y1 = module_box(table, row, column)
                values[y0:y1, x0:x1] += np.linspace(-15, 15, x1 - x0, dtype=np.float32)  # shading, the same in each
    found = excess(values, panels, radiometric=False)
    plain = excess(draw()[0], panels, radiometric=False)
    assert found.deviation < 2 * plain.deviation  # a slope of 30 has a deviation of 9


def test_a_slope_over_one_module_is_healthy_and_a_streak_on_it_is_not():
    values, panels = draw()
    x0, y0, x1, y1 = module_box(2, 2, 0)
    values[y0:y1, x0:x1] += np.linspace(-20, 20, x1 - x0, dtype=np.float32)
    values[y1 - 6 : y1, x0 + 5 : x0 + 35] += 50
    found = excess(values, panels, radiometric=False)
    assert np.median(found.within[y1 - 5 : y1 - 1, x0 + 6 : x0 + 34]) > 10
    assert np.abs(found.within[y0 + 3 : y1 - 12, x0 + 3 : x1 - 3]).max() < 8


def test_the_input_is_left_as_it_is_and_masks_of_any_size_do():
    values, panels = draw()
    before = values.copy()
    whole = excess(values, panels, radiometric=False)
    small = excess(values, panels[::2, ::2].astype(np.float32), radiometric=False)
    np.testing.assert_array_equal(values, before)
    assert len(small.modules) == len(whole.modules)


def test_a_picture_without_panels_has_no_excess():
    values, panels = draw()
    found = excess(values, np.zeros_like(panels), radiometric=False)
    assert not found.values.any()
    assert not found.panels.any()
