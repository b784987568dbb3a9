"""The calibration's section: what is set aside of the sources, and how thresholds are chosen on it."""

from typing import Annotated

from pydantic import Field

from ddlivm.parameters.base import Section


class Calibration(Section):
    """Which sites no detector is trained on, so that scores and thresholds can be chosen on them.

    The segmenter sees their panels all the same.

    Attributes:
        sites: Groups of sites to set aside, in order of preference; a fold takes the first group that has none of its
            held-out sites. A group should be all sites of a plant: then calibration meets a plant as new as the next
            one will be. Without a group nothing is set aside, and scores stay as the heads give them.
        beta: How many times as much recall counts as accuracy when a threshold is chosen, above 0: below 1 fewer false
            reports, above 1 fewer missed defects.
    """

    sites: list[Annotated[list[str], Field(min_length=1)]]
    beta: float = Field(gt=0, le=10)
