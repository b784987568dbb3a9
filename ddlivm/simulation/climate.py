"""Steady temperatures from the weather."""

from ddlivm.simulation.plants import Day, Terrain

EMISSIVITY = 0.88
"""Of module glass near the nadir, 8 to 14 µm."""

SKY_DEPRESSION = 22.0
"""How much colder than the air a clear sky looks to glass, K."""

_GROUND_GAIN: dict[Terrain, float] = {"grass": 0.007, "soil": 0.0115, "sand": 0.0165, "rooftop": 0.018}
"""K above air for each W/m²; vegetation evaporates, membranes and sand do not."""


def module_temperature(day: Day) -> float:
    """Return a healthy module's temperature, °C (Faiman's model: 25 + 6.84 v W/m²K)."""
    return day.ambient + day.irradiance / (25.0 + 6.84 * day.wind)


def ground_temperature(day: Day, terrain: Terrain) -> float:
    """Return the sunlit ground's temperature, °C; wind cools it as it cools modules."""
    return day.ambient + _GROUND_GAIN[terrain] * day.irradiance * 31.8 / (25.0 + 3.4 * day.wind)


def apparent(temperature: float, day: Day, emissivity: float = EMISSIVITY) -> float:
    """Return what the camera reads for glass, or another surface, at `temperature`, °C: it mirrors the cold sky."""
    return temperature - (1 - emissivity) * (temperature - day.ambient + SKY_DEPRESSION)


def defect_gain(day: Day) -> float:
    """Return how strongly heat sources show; its scale puts contrasts where real flights have them."""
    return 1.05 * (day.irradiance / 1000.0) ** 1.2 * 25.0 / (25.0 + 2.5 * day.wind)
