"""Registration's section."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Registration(Section):
    """The registered model.

    Attributes:
        name: the model's name in the MLflow registry.
        promote: whether a model that the gate promotes becomes the champion at once; otherwise it stays the
            challenger until a person promotes it.
    """

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.-]+$")
    promote: bool
