from pathlib import Path

import pytest

from ddlivm.data.calibration import Calibration
from ddlivm.errors import InputError
from ddlivm.inspection.inspector import Inspector
from ddlivm.registry.command import local_model
from ddlivm.registry.signature import OUTPUTS
from ddlivm.registry.store import mlflow_client
from tests.inspection.plants import SPOT, make_inspector, write_pair
from tests.registry.parts import make_parts


def test_the_registered_model_detects_in_the_bytes_of_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
):
    loaded: list[Path] = []

    def load(_: type[Inspector], model: object) -> Inspector:
        loaded.append(model.folder)  # type: ignore[attr-defined]
        return make_inspector()

    monkeypatch.setattr(Inspector, "load", classmethod(load))
    make_parts(tmp_path / "parts").register(tmp_path / "build" / "registration")
    rows = []
    for name, spots in (("clean", 0), ("warm", 1)):
        files = tmp_path / f"{name}_T.jpg", tmp_path / f"{name}_V.jpg"
        write_pair(*files, spots=spots)
        rows.append([name, *(path.read_bytes() for path in files)])
    with mlflow_client():
        import mlflow
        import pandas

        served = mlflow.pyfunc.load_model("models:/plants@champion")
        table = served.predict(pandas.DataFrame(rows, columns=["pair", "infrared", "visible"]))
        with pytest.raises(mlflow.exceptions.MlflowException, match="visible"):
            served.predict(pandas.DataFrame([row[:2] for row in rows], columns=["pair", "infrared"]))
        rows[0][2] = b""
        with pytest.raises(InputError, match=r"0 bytes.*pair clean is left out"):
            served.predict(pandas.DataFrame(rows, columns=["pair", "infrared", "visible"]))
    assert table[["pair", "type"]].to_numpy().tolist() == [["warm", "dust"]]
    assert table.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx(list(SPOT), abs=2)
    assert [path.name for path in loaded] == ["model"]
    assert local_model("models:/plants@champion").name == "model"


def test_what_no_detection_explains_is_a_row_without_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
):
    silent = {head: Calibration(0.95) for head in ("fcos-002", "fcos-004", "mask_rcnn-004")}
    monkeypatch.setattr(Inspector, "load", classmethod(lambda _, __: make_inspector(calibrations=silent)))
    make_parts(tmp_path / "parts").register(tmp_path / "build" / "registration")
    files = tmp_path / "a_T.jpg", tmp_path / "a_V.jpg"
    write_pair(*files, spots=1)
    with mlflow_client():
        import mlflow
        import pandas

        served = mlflow.pyfunc.load_model("models:/plants@champion")
        row = ["a", *(path.read_bytes() for path in files)]
        table = served.predict(pandas.DataFrame([row], columns=["pair", "infrared", "visible"]))
    assert list(table.columns) == [name for name, _ in OUTPUTS]
    assert table[["pair", "type", "source", "unit"]].to_numpy().tolist() == [
        ["a", "unclassified anomaly", "anomaly", "deviations"]
    ]
    assert table["score"].isna().all()
    assert table.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == pytest.approx(list(SPOT), abs=3)
    assert table.loc[0, "peak"] > 8
