"""The registered model's code: MLflow runs this file to load it, so no object is ever pickled."""

import tempfile
from pathlib import Path
from typing import Any

import mlflow
import pandas
from mlflow.pyfunc import PythonModel, PythonModelContext


class ServedModel(PythonModel):
    """Detects in pairs of one plant; one pair alone is aligned by itself."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the shipped directory."""
        from ddlivm.inspection.inspector import Inspector
        from ddlivm.inspection.model import ShippedModel

        self._inspector = Inspector.load(ShippedModel.load(Path(context.artifacts["model"])))

    def predict(
        self, context: PythonModelContext, model_input: pandas.DataFrame, params: dict[str, Any] | None = None
    ) -> pandas.DataFrame:
        """Detect.

        Args:
            context: unused; the model is loaded.
            model_input: a row a pair: `pair`, and the files' bytes as `infrared` and `visible`.
            params: unused.

        Returns:
            A row per finding: `pair`, `type`, `score`, and xyxy raw infrared pixels. Hot regions that no detection
            explains have `source` anomaly and the type `unclassified anomaly`; they have no score, but `shape`, `size`
            in pixels, and `peak` with its `unit`. Without rows nothing reached the thresholds, no more.

        Raises:
            InputError: an image cannot be read.
        """
        from ddlivm.data import Pair
        from ddlivm.errors import InputError
        from ddlivm.inspection.tables import finding_rows
        from ddlivm.registry.signature import OUTPUTS

        with tempfile.TemporaryDirectory() as scratch:
            pairs = []
            for number, row in enumerate(model_input.itertuples(index=False)):
                files = {part: Path(scratch) / f"{number}_{part}" for part in ("infrared", "visible")}
                for part, path in files.items():
                    path.write_bytes(getattr(row, part))
                pairs.append(Pair("request", str(row.pair), files["infrared"], files["visible"]))
            inspection = self._inspector.inspect(pairs)
        if inspection.rejected:  # a pair that is silently left out would look like one without defects
            raise InputError("; ".join(entry.reason for entry in inspection.rejected))
        columns = [name for name, _ in OUTPUTS]
        frame = pandas.DataFrame([[row[name] for name in columns] for row in finding_rows(inspection)], columns=columns)
        numbers = {name: float for name, kind in OUTPUTS if kind == "double"}
        return frame.astype(numbers)  # what does not apply is NaN, in a column of nothing else too


mlflow.models.set_model(ServedModel())
