"""The calibration's section: what is set aside of the sources, and what the scores are made to promise."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Calibration(Section):
    """Which source sites no training sees, so that thresholds and scores can be chosen on them.

    Attributes:
        sites: The sites to set aside, in order of preference; a fold takes the first that it does not hold out.
        count: How many a fold sets aside; 0 sets none aside, and scores stay as the heads give them.
        accuracy: The share of the reported detections that shall be right, 0 to 1; the threshold is the lowest that
            promises it.
    """

    sites: list[str]
    count: int = Field(ge=0)
    accuracy: float = Field(gt=0, lt=1)
