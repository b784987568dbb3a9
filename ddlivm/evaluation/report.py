"""The report of a run: one page that needs nothing else, the tables, the plots' data, and the figures for machines."""

import base64
import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ddlivm.data import ALL
from ddlivm.errors import InputError
from ddlivm.evaluation import sections
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.head_tables import candidates, choices
from ddlivm.evaluation.metrics import RECALL_LEVELS, Measures, mean_over_sites
from ddlivm.evaluation.tables import Table, evaluation_folds, fold_title, table2, table4, table5
from ddlivm.files import write_json
from ddlivm.parameters import Report

PICTURE_TITLES = {
    "detections": "Detections, infrared left and visible right (Figure 11)",
    "alignment": "Alignment, before (left) and after (right) as checkerboards (Figure 5)",
    "augmentation": "Heat diffusion of one hotspot (Figure 9)",
}


def write_report(figures: Sequence[Path], parameters: Report, out: Path) -> None:
    """Write report.html, tables/, plots/, metrics.json and summary.json.

    Args:
        figures: each fold's figures folder.
        parameters: the report's parameters.
        out: an empty folder.

    Raises:
        InputError: no folds, or one of them is damaged or was evaluated at another threshold.
    """
    loaded = [(folder, FoldFigures.load(folder)) for folder in figures]
    if not loaded:
        raise InputError("no figures were given; run the cross-domain evaluation of at least one fold")
    loaded.sort(key=lambda item: (item[1].fold == ALL, item[1].fold))
    folds = [fold for _, fold in loaded]
    if len({fold.iou_threshold for fold in folds}) > 1:
        raise InputError("the folds were evaluated with different iou_threshold; run the cross-domain evaluation again")

    tables = [table2(folds), table4(folds), table5(folds), choices(folds)]
    _write_tables([*tables, *map(candidates, folds)], out / "tables")
    _write_plots(folds, out / "plots")
    content = summary(folds)
    write_json(out / "summary.json", content)
    write_json(
        out / "metrics.json", {key: content[key] for key in ("accuracy", "map40", "predictions", "recall40", "sites")}
    )
    (out / "report.html").write_text(_page(loaded, tables, parameters), encoding="utf-8")


def row_means(folds: Sequence[FoldFigures]) -> dict[str, Measures]:
    """Return each table row's mean over the folds that only evaluate; rows that some fold lacks are left out."""
    folds = evaluation_folds(folds)
    rows = [row for row in folds[0].rows if all(row in fold.rows for fold in folds)]
    return {row: mean_over_sites([fold.row(row).all for fold in folds]) for row in rows}


def summary(folds: Sequence[FoldFigures]) -> dict[str, Any]:
    """Return the run's figures for machines; the means leave the fold `all` out."""
    means = row_means(folds)
    evaluated = evaluation_folds(folds)
    references = [row for row in evaluated[0].selection.references if row in means]
    return {
        **_brief(means["selected"]),
        "sites": _sites(evaluated, "selected"),
        "references": {row: _brief(means[row]) | {"sites": _sites(evaluated, row)} for row in references},
        "folds": {
            fold.fold: _brief(fold.row("selected").all)
            | {"chosen": fold.chosen, "tie": fold.selection.tie, "regret": asdict(fold.regret)}
            | {"threshold": fold.score_threshold, "matched": asdict(fold.row("selected").matched)}
            | {"set_aside": list(fold.selection.set_aside)}
            for fold in folds
        },
        "iou_threshold": folds[0].iou_threshold,
        "simulated": any(fold.simulated for fold in folds),
        "transductive": True,
    }


def _brief(measures: Measures) -> dict[str, Any]:
    return {key: value for key, value in asdict(measures).items() if key != "types"}


def _sites(folds: Sequence[FoldFigures], row: str) -> dict[str, Any]:
    return {site: _brief(measures) for fold in folds for site, measures in fold.row(row).sites.items()}


def _write_tables(tables: Sequence[Table], out: Path) -> None:
    out.mkdir()
    for table in tables:
        (out / f"{table.name}.md").write_text(table.markdown(), encoding="utf-8")
        (out / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")


def _write_plots(folds: Sequence[FoldFigures], out: Path) -> None:
    """Write the curves as long tables, as plotting tools want them."""
    out.mkdir()
    for fold in folds:
        curve = [
            (round(float(level), 2), value, row)
            for row, values in fold.curves.rows.items()
            for level, value in zip(RECALL_LEVELS, values, strict=True)
        ]
        _write_csv(out / f"pr_{fold.fold}.csv", ("recall", "precision", "head"), curve)
        logged = [
            (epoch, value, name, stage)
            for stage, history in fold.histories.items()
            for name, values in history.values.items()
            for epoch, value in zip(history.epochs, values, strict=True)
            if value is not None
        ]
        _write_csv(out / f"training_{fold.fold}.csv", ("epoch", "value", "name", "stage"), logged)
        scores = [
            (
                entry.head,
                "" if entry.score is None else entry.score,
                measures.accuracy,
                measures.recall40,
                measures.map40,
            )
            for entry in fold.selection.candidates
            for measures in (fold.heads[entry.head].all,)
        ]
        _write_csv(out / f"selection_{fold.fold}.csv", ("head", "mean_iou", "accuracy", "recall40", "map40"), scores)


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _page(loaded: Sequence[tuple[Path, FoldFigures]], tables: Sequence[Table], parameters: Report) -> str:
    from jinja2 import Environment, PackageLoader

    folds = [fold for _, fold in loaded]
    environment = Environment(
        loader=PackageLoader("ddlivm.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    by_name = {table.name: table for table in tables}
    return environment.get_template("report.html").render(
        title=parameters.title,
        simulated=any(fold.simulated for fold in folds),
        iou_threshold=folds[0].iou_threshold,
        pairs=sum(fold.pairs for fold in evaluation_folds(folds)),
        tiles=sections.headline(evaluation_folds(folds), row_means(folds)),
        tables=by_name,
        site_bars=sections.site_bars(folds),
        folds=[_fold_parts(folder, fold) for folder, fold in loaded],
    )


def _fold_parts(folder: Path, fold: FoldFigures) -> dict[str, Any]:
    pictures = {
        kind: [
            {"uri": _data_uri(folder / picture.file), "caption": picture.caption}
            for picture in fold.pictures
            if picture.kind == kind
        ]
        for kind in PICTURE_TITLES
    }
    return {
        "id": fold.fold,
        "title": fold_title(fold),
        "figures": fold,
        "own": fold.row("selected").all,
        "precision_recall": [sections.precision_recall(fold), *sections.operating(fold)],
        "type_curves": sections.type_curves(fold),
        "recall_by_size": sections.recall_by_size(fold),
        "confusion": sections.confusion(fold),
        "selection": sections.selection(fold),
        "candidates": candidates(fold),
        "training": sections.training(fold),
        "pictures": pictures,
    }


def _data_uri(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run the cross-domain evaluation again") from error
    kind = "png" if path.suffix == ".png" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
