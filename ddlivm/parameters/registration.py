"""Registration's section."""

from pydantic import Field

from ddlivm.parameters.base import Section


class Registration(Section):
    """The registered model.

    Attributes:
        name: the model's name in the MLflow registry.
    """

    name: str = Field(min_length=1)
