"""One plant, three ways: what is judged is what ships, and what ships is what inspects."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ddlivm.alignment.stage import align_sites
from ddlivm.augmentation.stage import augment_site
from ddlivm.data import DataSet, load_taxonomy
from ddlivm.evaluation.selection import SelectionScores
from ddlivm.files import read_json, read_yaml, write_json
from ddlivm.inspection.command import predict
from ddlivm.inspection.model import ShippedModel
from ddlivm.parameters import Calibration, load_parameters
from ddlivm.registry.store import mlflow_client
from ddlivm.segmentation import Segmenter
from ddlivm.selection.stage import select_head
from ddlivm.simulation.write import write_data_set
from tests.imports import ROOT
from tests.inspection.fresh import HEADS, make_fresh_parts, rough_panels
from tests.registry.parts import GATE

Found = list[tuple[str, str, float, float, float, float, float]]
"""Pair, type, score, and box, sorted."""


def simulated(folder: Path) -> Path:
    """Write three plants without the scale that makes °C of counts: whoever calls the served model cannot give it."""
    list(write_data_set(folder, sites=3, pairs=9, seed=7, workers=1))
    entries = [{key: value for key, value in entry.items() if key != "temperature_scale"}
               for entry in read_yaml(folder / "sites.yaml")]  # fmt: skip
    (folder / "sites.yaml").write_text(yaml.safe_dump(entries))
    return folder


def run_stages(data: Path, folder: Path) -> None:
    """Align, keep the source defects and select a head as the fold `all` does; site 3 is set aside."""
    own = load_parameters(ROOT / "params.yaml")
    series = [folder / "series" / site for site in ("site1", "site2", "site3")]
    for path in series:
        shutil.rmtree(path)
        path.mkdir()
        augment_site(data, path.name, own.hstd_augmentation, path)
    for name in ("transforms", "work", "first"):
        (folder / name).mkdir()
    align_sites(data, folder / "segmenter", own.alignment, folder / "transforms", folder / "work")

    def select(fold: str, set_aside: list[list[str]], out: Path) -> None:
        select_head(
            data,
            folder / "transforms",
            series,
            folder / "segmenter",
            folder / "encoders",
            folder / "bank",
            fold,
            ("site2",),
            own.head_selection,
            Calibration(sites=set_aside, beta=0.5),
            out,
            folder / "work",
        )

    # Fresh heads find no defect: what each is surest of becomes site 3's labels, and thresholds keep it from the rest.
    select("site3", [], folder / "first")
    sure = []
    for head in HEADS:
        rows = read_json(folder / "first" / "detections" / "site3" / f"{head}.json")
        sure += [row for row in rows if row["score"] >= np.quantile([each["score"] for each in rows], 0.75)]
    path = data / "site3" / "annotations.json"
    write_json(path, read_json(path) | {"annotations": [row | {"id": number} for number, row in enumerate(sure)]})
    select("all", [["site3"]], folder / "selection")


def by_head_selection(data: Path, selection: Path) -> Found:
    scores = SelectionScores.load(selection)
    names = {labels.image_id: name for name, labels in DataSet.load(data).site("site2").labels.items()}
    rows = read_json(selection / "detections" / "site2" / f"{scores.chosen}.json")
    reported = [row for row in rows if row["score"] >= scores.threshold(scores.chosen)]
    assert 0 < len(reported) < len(rows)
    return flat(reported, names)


def by_predict(data: Path, model: Path, out: Path) -> Found:
    predict(data / "site2", model, out, None, None, "select")
    content = read_json(out / "detections.coco.json")
    detections = [row for row in content["annotations"] if row["source"] == "detector"]
    return flat(detections, {image["id"]: Path(image["file_name"]).stem for image in content["images"]})


def flat(rows: list[dict[str, Any]], names: dict[int, str]) -> Found:
    types = load_taxonomy().names
    return sorted((names[row["image_id"]], types[row["category_id"] - 1], row["score"], *row["bbox"]) for row in rows)


def by_the_served_model(data: Path) -> Found:
    import mlflow
    import pandas

    pairs = DataSet.load(data).site("site2").pairs
    rows = [[pair.name, pair.infrared_path.read_bytes(), pair.visible_path.read_bytes()] for pair in pairs]
    with mlflow_client():
        served = mlflow.pyfunc.load_model("models:/plants@champion")
        table = served.predict(pandas.DataFrame(rows, columns=["pair", "infrared", "visible"]))
    table = table[table["source"] == "detector"].copy()
    table["x1"] -= table["x0"]
    table["y1"] -= table["y0"]
    columns = ["pair", "type", "score", "x0", "y0", "x1", "y1"]
    return sorted(tuple(row) for row in table[columns].itertuples(index=False))


@pytest.mark.usefixtures("store")
def test_head_selection_predict_and_the_served_model_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Segmenter, "small_probabilities", lambda _, images: [rough_panels(one) for one in images])
    data = simulated(tmp_path / "data")
    parts = make_fresh_parts(tmp_path / "parts", (160, 128), eager=True)
    run_stages(data, parts.folder)
    parts.register(tmp_path / "build" / "registration", GATE.model_copy(update={"maximum_bytes": None}))
    model = ShippedModel.load(tmp_path / "build" / "registration" / "model")
    assert (model.card.sources, model.card.set_aside) == (("site1",), ("site3",))

    judged = by_head_selection(data, parts.folder / "selection")
    inspected = by_predict(data, model.folder, tmp_path / "out")
    served = by_the_served_model(data)
    assert len({row[0] for row in judged}) == 2
    assert inspected == judged
    assert [row[:2] for row in served] == [row[:2] for row in judged]
    # The table's scores have four digits, and its corners two.
    np.testing.assert_allclose([row[2] for row in served], [row[2] for row in judged], rtol=0, atol=1e-4)
    np.testing.assert_allclose([row[3:] for row in served], [row[3:] for row in judged], rtol=0, atol=0.011)

    selection, summary = (
        read_json(parts.folder / "selection" / "selection.json"),
        read_json(tmp_path / "out/summary.json"),
    )
    assert (summary["heads"], summary["head"]) == (selection["candidates"], selection["chosen"])
    assert all(entry["detections"] for entry in selection["candidates"])
    assert summary["off_panels"] > 0
