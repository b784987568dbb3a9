"""The paper's tables with this run's rows beside the printed ones; as HTML cells, Markdown and CSV.

An accuracy of this run never stands alone: recall@0.4 and the number of predictions are in the same cell.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ddlivm.data import ALL, load_taxonomy
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.metrics import Measures, TypeMeasures, mean_over_sites
from ddlivm.evaluation.paper import PaperRow, load_paper, scenario_of

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A cell: its main figure, and in smaller print what must be read with it."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A table's row; `own` where it is this run's rather than the paper's."""

    label: str
    cells: tuple[Cell, ...]
    own: bool = False


@dataclass(frozen=True)
class Table:
    """A table: `columns` name the cells, `corner` the rows' labels."""

    name: str
    title: str
    note: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"**{self.title}**", "", _line([self.corner, *self.columns])]
        lines.append(_line(["---"] * (1 + len(self.columns))))
        for row in self.rows:
            texts = [f"{cell.text}; {cell.detail}" if cell.detail else cell.text for cell in row.cells]
            lines.append(_line([f"**{row.label}**" if row.own else row.label, *texts]))
        return "\n".join([*lines, "", self.note, ""])

    def csv(self) -> str:
        """Return the table as CSV, the details in columns of their own."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        heads = [text for column in self.columns for text in (column, f"{column} detail")]
        writer.writerow([self.corner, "this run", *heads])
        for row in self.rows:
            parts = [text for cell in row.cells for text in (cell.text, cell.detail)]
            writer.writerow([row.label, "yes" if row.own else "no", *parts])
        return buffer.getvalue()


def table2(folds: Sequence[FoldFigures]) -> Table:
    """Accuracy (mAP@0.4) with each site held out, beside the paper's."""
    folds = evaluation_folds(folds)
    rows = [_paper_row(row, folds) for row in load_paper().table2]
    for row, label in (("untrained", "untrained"), ("infrared_only", "infrared only"), ("selected", "DD-LIVM")):
        rows.append(_own_row(row, f"{label}, this run{simulated(folds)}", folds))
    return Table(
        "table2",
        f"Accuracy (mAP{_at(folds)}) of each held-out site: Table 2",
        f"{_how(folds)} The paper's values are of its own nine plants, which are not public: they stand here for "
        "orientation, in the column of the scenario that a site is modelled on.",
        "Model",
        _columns(folds),
        tuple(rows),
    )


def table4(folds: Sequence[FoldFigures]) -> Table:
    """Accuracy by predicted type, over all held-out sites, beside the paper's."""
    folds = evaluation_folds(folds)
    types = mean_over_sites([fold.row("selected").all for fold in folds]).types
    taxonomy = load_taxonomy()
    rows = []
    for kind in taxonomy.types:
        printed = load_paper().table4.get(kind.name)
        cells = [Cell(f"{value:.3f}") for value in printed] if printed else [Cell(NOTHING)] * 3
        label = f"{kind.label} ({'external' if kind.external else 'internal'})"
        rows.append(Row(label, (*cells, *_type_cells(types[kind.name]))))
    return Table(
        "table4",
        "Accuracy of each defect type: Table 4",
        f"{_how(folds)} Grouped by predicted type, all held-out sites together.",
        "Type",
        (
            *("DPDETR, paper", "GM-DETR, paper", "DD-LIVM, paper", f"DD-LIVM, this run{simulated(folds)}"),
            *(f"recall{_at(folds)}", f"AP{_at(folds)}", "predictions", "defects"),
        ),
        tuple(rows),
    )


def table5(folds: Sequence[FoldFigures]) -> Table:
    """The head rows of the ablation study: the last heads against the selected one."""
    folds = evaluation_folds(folds)
    rows = []
    for row in load_paper().table5:
        rows.append(_paper_row(row, folds, digits=3))
        if row.row:
            rows.append(_own_row(row.row, f"{row.model}, this run{simulated(folds)}", folds, digits=3))
    return Table(
        "table5",
        "Accuracy with the last head of a family instead of the selected one: Table 5",
        f"{_how(folds)} The paper's other rows need models of their own, trained without a part.",
        "Model",
        _columns(folds),
        tuple(rows),
    )


def evaluation_folds(folds: Sequence[FoldFigures]) -> list[FoldFigures]:
    """Return the folds that only evaluate; where there is none, the fold `all` must do."""
    return [fold for fold in folds if fold.fold != ALL] or list(folds)


def fold_title(fold: FoldFigures) -> str:
    """Return what a fold is called in tables and headings."""
    names = ", ".join(fold.sites.values())
    return f"all (gate: {names})" if fold.fold == ALL else names


def simulated(folds: Sequence[FoldFigures]) -> str:
    """Return the mark that every number of simulated data carries."""
    return " (simulated)" if any(fold.simulated for fold in folds) else ""


def measured(measures: Measures, digits: int = 2) -> Cell:
    """Return accuracy and mAP with what must be read with them."""
    text = f"{measures.accuracy:.{digits}f} ({measures.map40:.2f})"
    return Cell(text, f"recall {measures.recall40:.2f}, {measures.predictions} predictions")


def _type_cells(measures: TypeMeasures) -> list[Cell]:
    """Accuracy, and what must be read with it; a type that is neither predicted nor there has no accuracy."""
    present = measures.predictions or measures.defects
    figures = [measures.accuracy if present else None, measures.recall40, measures.ap40]
    counts = [measures.predictions, measures.defects]
    return [Cell(NOTHING if value is None else f"{value:.3f}") for value in figures] + [Cell(str(n)) for n in counts]


def _columns(folds: Sequence[FoldFigures]) -> tuple[str, ...]:
    return (*(fold_title(fold) for fold in folds), "Average", "#1–#9, paper")


def _own_row(row: str, label: str, folds: Sequence[FoldFigures], digits: int = 2) -> Row:
    if any(row not in fold.rows for fold in folds):
        return Row(label, (Cell(NOTHING),) * (len(folds) + 2), own=True)
    each = [fold.row(row).all for fold in folds]
    cells = [measured(measures, digits) for measures in (*each, mean_over_sites(each))]
    return Row(label, (*cells, Cell(NOTHING)), own=True)


def _paper_row(row: PaperRow, folds: Sequence[FoldFigures], digits: int = 2) -> Row:
    places = [_scenario(fold) for fold in folds]
    known = [place for place in places if place is not None]
    groups = [[place] if place is not None else [] for place in places]
    groups.append(known if len(known) == len(places) else [])
    groups.append(list(range(len(row.accuracy))))
    return Row(f"{row.model}, paper", tuple(_paper_cell(row, group, digits) for group in groups))


def _paper_cell(row: PaperRow, scenarios: Sequence[int], digits: int) -> Cell:
    if not scenarios:
        return Cell(NOTHING)
    accuracy = f"{np.mean([row.accuracy[place] for place in scenarios]):.{digits}f}"
    if row.map40 is None:
        return Cell(accuracy)
    return Cell(f"{accuracy} ({np.mean([row.map40[place] for place in scenarios]):.2f})")


def _scenario(fold: FoldFigures) -> int | None:
    if len(fold.sites) != 1:
        return None
    return scenario_of(*next(iter(fold.sites.items())))


def _at(folds: Sequence[FoldFigures]) -> str:
    return f"@{folds[0].iou_threshold:g}"


def _how(folds: Sequence[FoldFigures]) -> str:
    fold = folds[0]
    return (
        f"Accuracy and recall@{fold.iou_threshold:g} at each head's shipped threshold; accuracy is the share of "
        f"the predictions that are right, so read it with recall and their number{simulated(folds)}."
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
