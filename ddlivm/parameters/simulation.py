"""The embedded default's data."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Simulation(Section):
    """The simulated plants that `make demo` runs on.

    Attributes:
        pairs: infrared-visible pairs over all sites, in the paper's proportions.
        seed: one seed gives one data set.
    """

    pairs: int = Field(ge=9, le=100_000)
    seed: int = Field(ge=0)
