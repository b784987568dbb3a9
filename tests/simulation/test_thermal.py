import numpy as np
import pytest

from ddlivm.simulation.climate import apparent, defect_gain, ground_temperature, module_temperature
from ddlivm.simulation.plants import Day
from ddlivm.simulation.thermal import _steady


def test_faimans_module_temperature() -> None:
    # 25 + 6.84 * 2 = 38.68 W/m²K; 800 W/m² over it is 20.683 K above 20 °C of air.
    assert module_temperature(Day(800, 20, 2, 45)) == pytest.approx(40.683, abs=1e-3)


def test_wind_cools_and_sun_warms() -> None:
    calm, windy, bright = Day(800, 20, 1, 45), Day(800, 20, 6, 45), Day(1000, 20, 1, 45)
    for temperature in (module_temperature, lambda day: ground_temperature(day, "sand")):
        assert temperature(windy) < temperature(calm) < temperature(bright)
    assert defect_gain(windy) < defect_gain(calm) < defect_gain(bright)


def test_glass_mirrors_a_little_sky() -> None:
    day = Day(800, 20, 2, 45)
    # The mirrored 12 % come from a sky 22 K below the air.
    assert apparent(40.0, day) == pytest.approx(0.88 * 40.0 + 0.12 * (20.0 - 22.0))


def test_heat_spreads_as_the_half_plane_solution() -> None:
    length = 9.0
    sources = np.zeros((512, 512), np.float32)
    sources[:, :256] = 10.0
    profile = _steady(sources, length)[256]
    distance = np.arange(5, 60) + 0.5  # from the edge between pixels 255 and 256
    assert profile[128] == pytest.approx(10.0, abs=1e-3)
    np.testing.assert_allclose(profile[256 + 5 : 256 + 60], 5.0 * np.exp(-distance / length), rtol=2e-2)


def test_spreading_keeps_the_total_heat() -> None:
    sources = np.zeros((128, 96), np.float32)
    sources[60:66, 40:48] = 7.0
    assert _steady(sources, 3.0).sum() == pytest.approx(float(sources.sum()), rel=1e-4)
