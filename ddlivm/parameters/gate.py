"""The promotion gate's section."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Gate(Section):
    """What a model must show before it is promoted.

    Attributes:
        sites: the frozen evaluation sites; the fold `all` never trains on them.
        minimum_map40: the lowest mAP@0.4 on each of the gate's sites, 0 to 1.
        minimum_recall40: the lowest recall at IoU 0.4 on each of the gate's sites, 0 to 1.
        minimum_ap40: the lowest AP@0.4 of each type that the gate's sites have labelled defects of, 0 to 1.
        margin: how far mAP@0.4, recall or accuracy of a site may fall below the champion's; noise, not harm.
        type_margin: the same for a type's AP@0.4; a type has few defects, so each weighs more.
        confidence: of the interval on the difference in mAP@0.4 from the champion, 0 to 1.
        resamples: draws of the bootstrap that gives the interval.
        maximum_bytes: the largest model; null for no limit.
        maximum_seconds_per_pair: the longest that head selection measured for the selected head to detect in one pair,
            encoders and panels included; null for no limit.
    """

    sites: list[str] = Field(min_length=1)
    minimum_map40: float = Field(ge=0, le=1)
    minimum_recall40: float = Field(ge=0, le=1)
    minimum_ap40: float = Field(ge=0, le=1)
    margin: float = Field(ge=0, le=1)
    type_margin: float = Field(ge=0, le=1)
    confidence: float = Field(gt=0, lt=1)
    resamples: int = Field(ge=100, le=100_000)
    maximum_bytes: int | None = Field(ge=1)
    maximum_seconds_per_pair: float | None = Field(gt=0)
