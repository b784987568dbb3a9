from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.inspection.inspector import Inspector
from ddlivm.registry.command import local_model
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
