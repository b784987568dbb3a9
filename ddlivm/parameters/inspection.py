"""The settings of an inspection; they travel in the shipped model, as params.yaml does not."""

from ddlivm.parameters.alignment import Alignment
from ddlivm.parameters.base import Section
from ddlivm.parameters.head_selection import HeadSelection


class InspectionSettings(Section):
    """The settings that a model was judged with.

    Attributes:
        alignment: As in the stage.
        head_selection: As in the stage, without its SAM checkpoint, which does not travel.
    """

    alignment: Alignment
    head_selection: HeadSelection
