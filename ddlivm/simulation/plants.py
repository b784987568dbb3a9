"""The nine simulated sites, by Table 1's factors."""

from dataclasses import dataclass, replace
from typing import Literal

IMAGES = (524, 296, 518, 2068, 1020, 842, 994, 566, 250)
"""Images of #1 to #9 (4.1.1); all even: infrared and visible counted, so half as many pairs."""

DEFECTS = (612, 563, 548, 426, 1627, 973, 1958, 192, 398)
"""Defects of #1 to #9 (4.1.1)."""

Terrain = Literal["grass", "rooftop", "sand", "soil"]
Colour = tuple[int, int, int]
Gain = Literal["radiometric", "linear", "plateau", "gamma"]
"""What an infrared camera writes: temperatures, or grey levels through one of its automatic gains."""


@dataclass(frozen=True)
class Day:
    """The weather during a flight.

    Attributes:
        irradiance: in the module plane, W/m².
        ambient: air temperature, °C.
        wind: m/s.
        sun_elevation: degrees; sets the shadows behind the rows.
    """

    irradiance: float
    ambient: float
    wind: float
    sun_elevation: float


@dataclass(frozen=True)
class Table:
    """How modules are mounted.

    Attributes:
        module: (along the row, up the slope) metres.
        cells: cells in those directions.
        levels: modules up the slope.
        tilt: degrees; the slope is foreshortened by its cosine.
        gap: ground between two rows, metres.
        colour: of the cells, RGB.
        line: of the lines between cells, RGB.
        frame_emissivity: Of the frames; bare aluminium mirrors the cold sky, dark frames read as warm as glass.
        mixed: Share of the modules that are of another batch, whose cells are of another hue.
    """

    module: tuple[float, float]
    cells: tuple[int, int]
    levels: int
    tilt: float
    gap: float
    colour: Colour
    line: Colour
    frame_emissivity: float
    mixed: float


@dataclass(frozen=True)
class Rig:
    """The two cameras on one drone.

    Attributes:
        name: the camera's name.
        scale: visible pixels for one infrared pixel.
        offset: of the infrared frame's centre from the visible frame's centre, visible pixels.
        rotation: of the visible camera against the infrared one, degrees.
        netd: temperature noise, K.
        infrared_blur: σ, infrared pixels.
        visible_blur: σ, visible pixels.
        visible_noise: grey levels.
        distortion: (infrared, visible) radial shift at a corner, share of the half diagonal.
        gain: What the infrared camera writes.
    """

    name: str
    scale: float
    offset: tuple[float, float]
    rotation: float
    netd: float
    infrared_blur: float
    visible_blur: float
    visible_noise: float
    distortion: tuple[float, float]
    gain: Gain = "radiometric"


@dataclass(frozen=True)
class Plant:
    """One setting of Table 1.

    Attributes:
        id: the site's id.
        station: settings of one station share its terrain.
        terrain: what is between the rows.
        table: the modules.
        day: the weather.
        rig: the cameras.
        resolution: ground metres for one infrared pixel; follows from altitude and lens.
        altitude: nominal, metres.
        heading: Of the rows in the image, degrees; on every other leg of a flight the camera is turned by 180 more.
    """

    id: str
    station: str
    terrain: Terrain
    table: Table
    day: Day
    rig: Rig
    resolution: float
    altitude: float
    heading: float


_LANDSCAPE = Table((1.96, 0.99), (12, 6), 3, 25, 3.1, (60, 71, 134), (232, 236, 250), 0.5, 0.3)
_POLY = Table((0.99, 1.65), (6, 10), 2, 22, 3.4, (54, 66, 128), (228, 232, 248), 0.65, 0.06)
_MONO_ROOF = Table((1.04, 1.70), (6, 10), 1, 10, 0.9, (44, 48, 68), (128, 134, 150), 0.8, 0.03)
_MONO_STRONG = Table((1.00, 2.00), (6, 12), 2, 24, 4.2, (46, 57, 113), (216, 222, 240), 0.65, 0.12)
_MONO_SPLIT = Table((1.00, 2.00), (6, 12), 2, 24, 4.2, (45, 55, 107), (210, 216, 236), 0.65, 0.2)
_POLY_STACK = Table((1.96, 0.99), (12, 6), 4, 22, 4.4, (56, 67, 130), (228, 232, 248), 0.5, 0.25)
_POLY_LARGE = Table((1.96, 0.99), (12, 6), 3, 22, 3.5, (54, 66, 126), (226, 230, 246), 0.5, 0.15)
_MONO_SAND_TALL = Table((1.05, 1.75), (6, 10), 4, 20, 5.6, (44, 50, 96), (190, 196, 212), 0.65, 0.05)
_MONO_SAND = Table((1.75, 1.05), (10, 6), 2, 20, 3.0, (42, 48, 92), (190, 196, 212), 0.95, 0.05)

_XT = Rig("640x512 13 mm + 1280x1024", 1.42, (14, -22), 0.15, 0.05, 0.75, 0.7, 3.0, (0.004, -0.003), "plateau")
_XT_B = Rig("640x512 13 mm + 1280x1024 on another mount", 1.52, (-20, 16), -0.2, 0.05, 0.75, 0.8, 3.5, (0.004, -0.003))
_ROOF = Rig("640x512 9 mm + 1280x1024", 1.36, (-8, -30), 0.3, 0.06, 0.9, 0.6, 4.0, (-0.006, 0.003), "linear")
_STRONG_A = Rig("640x512 25 mm + 1280x1024", 1.61, (26, 12), -0.1, 0.045, 0.7, 0.7, 2.5, (0.002, -0.002))
_STRONG_B = Rig("640x512 19 mm + 1280x1024", 1.48, (-30, -10), 0.2, 0.045, 0.8, 0.9, 3.0, (0.003, -0.004))
_WARM = Rig("640x512 13.5 mm + 1280x1024", 1.55, (8, 34), 0.1, 0.06, 0.85, 0.8, 3.5, (0.003, 0.002))
_SAND = Rig("640x512 14 mm + 1280x1024", 1.39, (-16, 24), -0.15, 0.055, 0.8, 0.7, 2.5, (-0.003, -0.003))
_WARM_GREY, _SAND_GREY = replace(_WARM, gain="linear"), replace(_SAND, gain="gamma")

PLANTS = (
    Plant("site1", "A", "grass", _LANDSCAPE, Day(720, 19, 2.5, 38), _XT, 0.0385, 36, 3.0),
    Plant("site2", "A", "grass", _POLY, Day(640, 24, 3.0, 52), _XT_B, 0.0275, 28, -5.0),
    Plant("site3", "B", "rooftop", _MONO_ROOF, Day(830, 22, 3.5, 62), _ROOF, 0.0340, 24, 88.0),
    Plant("site4", "C", "soil", _MONO_STRONG, Day(1040, 27, 2.0, 58), _STRONG_A, 0.0365, 45, 2.0),
    Plant("site5", "C", "soil", _MONO_SPLIT, Day(1010, 23, 3.8, 50), _STRONG_B, 0.0270, 34, -8.0),
    Plant("site6", "D", "grass", _POLY_STACK, Day(860, 36, 1.5, 46), _WARM, 0.0392, 40, 6.0),
    Plant("site7", "D", "grass", _POLY_LARGE, Day(760, 35, 2.2, 40), _WARM_GREY, 0.0330, 34, -3.0),
    Plant("site8", "E", "sand", _MONO_SAND_TALL, Day(900, 29, 4.5, 55), _SAND, 0.0460, 33, 0.0),
    Plant("site9", "E", "sand", _MONO_SAND, Day(690, 21, 2.8, 36), _SAND_GREY, 0.0300, 27, 9.0),
)
