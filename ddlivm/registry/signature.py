"""What the registered model takes and gives: tables, so that any MLflow client can call it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

INPUTS = (("pair", "string"), ("infrared", "binary"), ("visible", "binary"))
"""A row a pair of one plant: its name, and the bytes of both image files."""
OUTPUTS = (
    ("pair", "string"),
    ("type", "string"),
    ("score", "double"),
    ("x0", "double"),
    ("y0", "double"),
    ("x1", "double"),
    ("y1", "double"),
    ("source", "string"),
    ("shape", "string"),
    ("size", "double"),
    ("peak", "double"),
    ("unit", "string"),
)
"""A row per finding: xyxy raw infrared pixels; an anomaly has no score, a detection no shape, size, peak and unit."""


def signature() -> "ModelSignature":
    """Return the registered model's signature."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec(kind, name) for name, kind in INPUTS]),
        outputs=Schema([ColSpec(kind, name) for name, kind in OUTPUTS]),
    )
