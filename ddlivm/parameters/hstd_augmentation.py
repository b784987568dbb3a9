"""HSTD augmentation's section (3.3)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class HstdAugmentation(Section):
    """Diffusion of hotspots by Eq. 3.

    Attributes:
        corner_weight: η₁, the kernel's corners.
        edge_weight: η₂, the kernel's edges.
        diffusivity: the range that σ is drawn from, 0 to 1.
        iterations: diffusion steps; each gives one image of the series.
        conservative: let the kernel's weights sum to zero, instead of the printed centre of -1.
        series_per_pair: how many σ are drawn for a pair.
        seed: of the draws.
    """

    corner_weight: float = Field(ge=0, le=1)
    edge_weight: float = Field(ge=0, le=1)
    diffusivity: tuple[float, float]
    iterations: int = Field(ge=1, le=20)
    conservative: bool
    series_per_pair: int = Field(ge=1)
    seed: int = Field(ge=0)
