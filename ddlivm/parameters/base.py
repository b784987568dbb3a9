"""What every section of params.yaml shares."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of params.yaml: unknown keys and values out of range are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
