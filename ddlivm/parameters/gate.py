"""The promotion gate's section."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Gate(Section):
    """What a model must show before it is promoted.

    Attributes:
        sites: the frozen evaluation sites; the fold `all` never trains on them.
        minimum_map40: the lowest mAP@0.4 on the gate's sites, 0 to 1.
        minimum_recall40: the lowest recall at IoU 0.4 on the gate's sites, 0 to 1.
    """

    sites: list[str] = Field(min_length=1)
    minimum_map40: float = Field(ge=0, le=1)
    minimum_recall40: float = Field(ge=0, le=1)
