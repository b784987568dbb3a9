"""From cameras' values to what the encoders were trained on (reference: InfMAE and ImageNet statistics)."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

INFRARED_MEAN, INFRARED_DEVIATION = 0.425, 0.200
"""InfMAE's statistics of infrared images scaled to [0, 1]."""

VISIBLE_MEAN = (0.485, 0.456, 0.406)
VISIBLE_DEVIATION = (0.229, 0.224, 0.225)

SPAN_KELVIN = 40.0
"""Temperatures that fill [0, 1]: the median plus and minus half of it; hotspots reach beyond and are not cut."""

LIMITS = (-1.0, 3.0)
"""Bounds of the scaled values: cold sky and flames carry nothing beyond them."""


@dataclass(frozen=True)
class InfraredRange:
    """The values that become 0.5 (`centre`) and that make up a step of 1 (`span`); °C or grey levels."""

    centre: float
    span: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float32], radiometric: bool) -> Self:
        """Measure a whole image, (h, w) °C or grey levels.

        Temperatures keep their scale, so that a hotspot's excess means the same at every site; grey levels were
        stretched by the camera, so that their own spread is all there is.
        """
        centre = float(np.median(values))
        if radiometric:
            return cls(centre, SPAN_KELVIN)
        low, high = np.percentile(values, [2, 98])
        return cls(centre, max(float(high - low), 1.0) * 1.5)

    def normalise(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scale values, (..., h, w), to InfMAE's statistics."""
        scaled = np.clip((values - np.float32(self.centre)) / np.float32(self.span) + np.float32(0.5), *LIMITS)
        return np.asarray((scaled - np.float32(INFRARED_MEAN)) / np.float32(INFRARED_DEVIATION), dtype=np.float32)


def normalise_infrared(values: npt.NDArray[np.float32], radiometric: bool) -> npt.NDArray[np.float32]:
    """Scale one whole infrared image, (h, w) °C or grey levels, to InfMAE's statistics."""
    return InfraredRange.of(values, radiometric).normalise(values)
