"""HSTD augmentation's section (3.3)."""

from typing import Self

from pydantic import Field, model_validator

from ddlivm.parameters.base import Section


class HstdAugmentation(Section):
    """Diffusion of hotspots by Eq. 3.

    Attributes:
        corner_weight: η₁, the kernel's corners.
        edge_weight: η₂, the kernel's edges.
        diffusivity: the range that σ is drawn from, 0 to 1.
        iterations: diffusion steps; each gives one image of the series.
        conservative: let the kernel's weights sum to zero, instead of the printed centre of -1.
        sensor_range: lowest and highest °C that a radiometric camera gives; grey levels have 0 to 255.
        series_per_pair: how many σ are drawn for a pair.
        sam_checkpoint: a SAM checkpoint for the source defects' contours; null takes a threshold inside the box.
        seed: of the draws.
    """

    corner_weight: float = Field(ge=0, le=1)
    edge_weight: float = Field(ge=0, le=1)
    diffusivity: tuple[float, float]
    iterations: int = Field(ge=1, le=20)
    conservative: bool
    sensor_range: tuple[float, float]
    series_per_pair: int = Field(ge=1)
    sam_checkpoint: str | None
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        low, high = self.diffusivity
        if not 0 <= low <= high <= 1:
            raise ValueError(f"diffusivity: [{low}, {high}] is no range within 0 to 1")
        outflow = 4 * (self.corner_weight + self.edge_weight)
        if self.conservative and high * outflow > 1:
            raise ValueError(
                f"diffusivity: a pixel would lose more than it has; with these weights at most {1 / outflow:g}"
            )
        if self.sensor_range[0] >= self.sensor_range[1]:
            raise ValueError(f"sensor_range: {list(self.sensor_range)} does not rise")
        return self
