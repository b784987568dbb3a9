"""The settings of an inspection; they travel in the shipped model, as params.yaml does not."""

from ddlivm.parameters.adaptation import Adaptation
from ddlivm.parameters.alignment import Alignment
from ddlivm.parameters.base import Section
from ddlivm.parameters.head_selection import HeadSelection
from ddlivm.parameters.thermography import Thermography


class InspectionSettings(Section):
    """The settings that a model was judged with.

    Attributes:
        alignment: As in the stage.
        head_selection: As in the stage, without its SAM checkpoint, which does not travel.
        adaptation: How the model is tuned on a flight where that is asked for.
        thermography: When a hot region that no detection explains is reported.
    """

    alignment: Alignment
    head_selection: HeadSelection
    adaptation: Adaptation
    thermography: Thermography
