import csv
import io
from pathlib import Path

import pytest

from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.head_tables import candidates, choices
from ddlivm.evaluation.paper import load_paper, scenario_of
from ddlivm.evaluation.tables import NOTHING, table2, table4, table5
from tests.evaluation.conftest import make_world


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> list[FoldFigures]:
    folder: Path = tmp_path_factory.mktemp("tables")
    world = make_world(folder)
    return [FoldFigures.load(world.evaluate(fold, folder / "figures" / fold)) for fold in ("site1", "site3", "all")]


def test_the_papers_rows_average_as_it_prints_them():
    printed = [0.704, 0.775, 0.783, 0.837, 0.817, 0.856, 0.877]
    means = [sum(row.accuracy) / 9 for row in load_paper().table5]
    assert means == pytest.approx(printed, abs=0.0011)
    table2 = {row.model: row for row in load_paper().table2}
    own = table2["DD-LIVM"].map40
    assert own is not None and sum(own) / 9 == pytest.approx(0.806, abs=0.002)
    assert {len(row.accuracy) for row in load_paper().table2} == {9}


@pytest.mark.parametrize(
    ("site", "name", "scenario"),
    [("site3", "rooftop", 2), ("x", "plant #7", 6), ("plant3", "Plant 3", None), ("site10", "ten", None)],
)
def test_a_sites_scenario(site: str, name: str, scenario: int | None):
    assert scenario_of(site, name) == scenario


def test_table2_stands_beside_the_paper(folds: list[FoldFigures]):
    table = table2(folds)
    assert table.columns[:3] == ("#1", "#3", "Average")
    rows = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    assert rows["DD-LIVM, paper"] == ["0.87 (0.80)", "0.83 (0.77)", "0.85 (0.79)", "0.88 (0.81)"]
    own = folds[0].row("selected").all
    assert rows["DD-LIVM, this run (simulated)"][0] == f"{own.accuracy:.2f} ({own.map40:.2f})"


def test_own_accuracy_never_stands_alone(folds: list[FoldFigures]):
    for table in (table2(folds), table5(folds)):
        own = [cell for row in table.rows if row.own for cell in row.cells if cell.text != NOTHING]
        assert own
        assert all("recall" in cell.detail and "predictions" in cell.detail for cell in own)
        assert all("simulated" in row.label for row in table.rows if row.own)
    types = table4(folds)
    assert {"recall@0.4", "predictions"} <= set(types.columns)


def test_table4_pools_the_folds_by_predicted_type(folds: list[FoldFigures]):
    table = table4(folds)
    dust = next(row for row in table.rows if row.label.startswith("Dust"))
    assert [cell.text for cell in dust.cells[:3]] == ["0.503", "0.634", "0.763"]
    types = [fold.row("selected").all.types["dust"] for fold in folds[:2]]
    share = sum(entry.correct for entry in types) / sum(entry.predictions for entry in types)
    assert dust.cells[3].text == f"{share:.3f}"
    assert dust.cells[6].text == str(sum(entry.predictions for entry in types))


def test_table5_pairs_each_head_row_with_the_papers(folds: list[FoldFigures]):
    labels = [row.label for row in table5(folds).rows]
    for model in ("DD-LIVM (HS→MaskRCNN)", "DD-LIVM (HS→FCOS)", "DD-LIVM"):
        assert labels.index(f"{model}, this run (simulated)") == labels.index(f"{model}, paper") + 1


def test_the_fold_all_is_no_part_of_the_means_but_of_the_choices(folds: list[FoldFigures]):
    assert table2(folds).rows == table2(folds[:2]).rows
    assert [row.label for row in choices(folds).rows] == ["#1", "#3", "all (gate: #2)"]


def test_markdown_and_csv_have_a_line_for_each_row(folds: list[FoldFigures]):
    table = table2(folds)
    lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert len(lines) == len(table.rows) + 2
    assert {line.count("|") for line in lines} == {len(table.columns) + 2}
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert len(rows) == len(table.rows) + 1
    assert {len(row) for row in rows} == {2 + 2 * len(table.columns)}


def test_every_head_is_listed_with_recall_and_predictions(folds: list[FoldFigures]):
    table = candidates(folds[0])
    assert {"Accuracy", "recall@0.4", "predictions"} <= set(table.columns)
    assert [row.label for row in table.rows if row.own] == [folds[0].chosen]
    for row in table.rows:
        assert row.cells[2].text == f"{folds[0].heads[row.label].all.accuracy:.3f}"
