"""The section of what is looked for without learning: regions of a panel that are hotter than healthy ones."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Thermography(Section):
    """When a region counts as an anomaly.

    A deviation is the robust standard deviation of healthy panels: of their pixels where a region lies within a module,
    of their levels where a whole module is hotter than those around it.

    Attributes:
        grow: Excess from which a pixel belongs to a region, deviations of healthy pixels.
        strength: A region's least strength, deviations of healthy pixels: its mean excess and half of its module's,
            weighted by its size.
        module: Excess from which a whole module is an anomaly, deviations of healthy modules.
        minimum_kelvin: Least peak of an anomaly in a radiometric image; cameras do not tell less from noise and
            emissivity.
        minimum_area: Of a region within a module, pixels of a 640-pixel-wide image.
        familiar: Share of a flight's anomalies that a head must detect at its threshold for the flight to be familiar
            to it. On other flights detections need less score where an anomaly is, and adaptation tunes the head; tuned
            on a familiar flight it would get worse.
    """

    grow: float = Field(gt=0, le=20)
    strength: float = Field(gt=0, le=100)
    module: float = Field(gt=0, le=20)
    minimum_kelvin: float = Field(ge=0, le=50)
    minimum_area: float = Field(ge=0, le=10_000)
    familiar: float = Field(ge=0, le=1)
