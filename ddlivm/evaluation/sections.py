"""The report's drawings: what each chart of a run shows."""

from collections.abc import Sequence

from ddlivm.data import load_taxonomy
from ddlivm.evaluation.charts import Bars, Series, bars, heat_map, lines
from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.metrics import RECALL_LEVELS, Measures
from ddlivm.evaluation.tables import evaluation_folds, fold_title, simulated

ROW_LABELS = {
    "selected": "DD-LIVM",
    "infrared_only": "infrared only",
    "untrained": "untrained",
    "last_fcos": "last FCOS head",
    "last_mask_rcnn": "last Mask R-CNN head",
}
STAGE_LABELS = {
    "background_removal": "Background removal (Eq. 1)",
    "dtft_training": "DTFT, phase 1 (Algorithm 1)",
    "head_checkpointing": "Head bank, phase 2 (3.3)",
}

UNIT = (0.0, 1.0)


def site_bars(folds: Sequence[FoldFigures]) -> list[str]:
    """Accuracy, recall and mAP on each held-out site, for the model and its references."""
    folds = evaluation_folds(folds)
    groups = [fold_title(fold) for fold in folds]
    shown = [row for row in ("selected", "infrared_only", "untrained") if all(row in fold.rows for fold in folds)]
    mark = simulated(folds)
    charts = []
    for title, value in (
        (f"Accuracy{mark}", lambda measures: measures.accuracy),
        (f"Recall@{folds[0].iou_threshold:g}{mark}", lambda measures: measures.recall40),
        (f"mAP@{folds[0].iou_threshold:g}{mark}", lambda measures: measures.map40),
    ):
        series = [Bars(ROW_LABELS[row], [value(fold.row(row).all) for fold in folds]) for row in shown]
        charts.append(bars(title, groups, series, "", size=_wide(len(groups)), y_limits=UNIT))
    predictions = [Bars(ROW_LABELS[row], [float(fold.row(row).all.predictions) for fold in folds]) for row in shown]
    labelled = Bars("labelled defects", [float(fold.row("selected").all.defects) for fold in folds])
    charts.append(bars(f"Predictions{mark}", groups, [*predictions, labelled], "boxes", size=_wide(len(groups))))
    return charts


def precision_recall(fold: FoldFigures) -> str:
    """Precision over recall of the table rows, mean over types."""
    levels = list(RECALL_LEVELS)
    rows = [
        Series(ROW_LABELS[row], levels, fold.curves.rows[row])
        for row in ("selected", "infrared_only", "untrained", "last_fcos", "last_mask_rcnn")
        if row in fold.curves.rows
    ]
    return lines("Mean over types", rows, "recall", "interpolated precision", x_limits=UNIT, y_limits=UNIT)


def type_curves(fold: FoldFigures) -> list[str]:
    """Precision over recall of the selected head, a small chart for each type."""
    own = fold.row("selected").all.types
    return [
        lines(
            f"{kind.label}: AP {own[kind.name].ap40 or 0:.2f}",
            [Series(f"{own[kind.name].defects} defects", list(RECALL_LEVELS), fold.curves.types[kind.name])],
            f"recall, {own[kind.name].defects} defects",
            "",
            size=(203, 165),
            x_limits=UNIT,
            y_limits=UNIT,
        )
        for kind in load_taxonomy().types
        if kind.name in fold.curves.types
    ]


def operating(fold: FoldFigures) -> list[str]:
    """The selected head over the score threshold."""
    at = [point.threshold for point in fold.thresholds]
    sweep = [
        Series("accuracy", at, [point.accuracy for point in fold.thresholds]),
        Series(f"recall@{fold.iou_threshold:g}", at, [point.recall40 for point in fold.thresholds]),
    ]
    counts = [Series("predictions", at, [float(point.predictions) for point in fold.thresholds])]
    return [
        lines("DD-LIVM at other score thresholds", sweep, "score threshold", "", x_limits=UNIT, y_limits=UNIT),
        lines("DD-LIVM's predictions", counts, "score threshold", "boxes", x_limits=UNIT),
    ]


def recall_by_size(fold: FoldFigures) -> str:
    """The selected head's recall over the defects' size."""
    sides = [side for side in fold.limits.sides if side.defects]
    recall = Bars("recall", [side.recalled / side.defects for side in sides])
    groups = [f"≥{side.above:g} ({side.defects})" for side in sides]
    size = (480, 290)
    return bars("Recall by defect size, √area in px (defects)", groups, [recall], "recall", size, UNIT)


def confusion(fold: FoldFigures) -> str:
    """What each defect was taken for, by the selected head."""
    names = [kind.label for kind in load_taxonomy().types]
    title = f"Boxes that match at IoU {fold.iou_threshold:g} whatever their type, score ≥ {fold.score_threshold:g}"
    return heat_map(title, [*names, "no defect"], [*names, "missed"], fold.confusion, "true ↓ predicted →")


def selection(fold: FoldFigures) -> list[str]:
    """The selection's score of each head beside its hindsight accuracy and mAP."""
    heads = [entry.head for entry in fold.selection.candidates]
    families: dict[str, list[str]] = {}
    for head in heads:
        families.setdefault(head.rsplit("-", 1)[0], []).append(head)
    scores = {entry.head: entry.score for entry in fold.selection.candidates}
    spreads = {entry.head: entry.spread for entry in fold.selection.candidates if entry.spread is not None}

    def series(value: dict[str, float | None], spread: dict[str, tuple[float, float]]) -> list[Series]:
        answer = []
        for family, members in families.items():
            known = [(head, number) for head in members if (number := value[head]) is not None]
            answer.append(
                Series(
                    {"fcos": "FCOS", "mask_rcnn": "Mask R-CNN"}.get(family, family),
                    [float(head.rsplit("-", 1)[1]) for head, _ in known],
                    [number for _, number in known],
                    [spread[head] for head, _ in known if head in spread],
                )
            )
        return answer

    def over(measure: str) -> dict[str, float | None]:
        return {head: float(getattr(fold.heads[head].all, measure)) for head in heads}

    precision = f"mAP@{fold.iou_threshold:g}"
    return [
        lines(title, series(value, spread), "epoch of phase 2", name, y_limits=UNIT, whole_x=True)
        for title, name, value, spread in (
            ("Mean IoU and its 95 % interval: what the choice sees", "mean IoU", scores, spreads),
            ("Accuracy, in hindsight", "accuracy", over("accuracy"), {}),
            (f"{precision}, in hindsight", precision, over("map40"), {}),
        )
    ]


def training(fold: FoldFigures) -> list[str]:
    """What the training stages logged."""
    charts = []
    for stage, history in fold.histories.items():
        series = []
        for name, values in history.values.items():
            known = [
                (float(epoch), value) for epoch, value in zip(history.epochs, values, strict=True) if value is not None
            ]
            series.append(Series(name.replace("_", " "), [x for x, _ in known], [y for _, y in known]))
        if series:
            charts.append(lines(STAGE_LABELS.get(stage, stage), series, "epoch", "loss", whole_x=True))
    return charts


def headline(folds: Sequence[FoldFigures], rows: dict[str, Measures]) -> list[tuple[str, str, str]]:
    """Return the page's first figures: (what, value, what to read it with)."""
    own = rows["selected"]
    count = f"{len(folds)} held-out site{'s' if len(folds) != 1 else ''}"
    recall = f"recall@{folds[0].iou_threshold:g} {own.recall40:.2f}, {own.predictions} predictions"
    tiles = [
        ("Accuracy", f"{own.accuracy:.3f}", recall),
        (f"Recall@{folds[0].iou_threshold:g}", f"{own.recall40:.3f}", f"of {own.defects} defects, {count}"),
        (f"mAP@{folds[0].iou_threshold:g}", f"{own.map40:.3f}", "mean over types, then over sites"),
    ]
    for row in ("infrared_only", "untrained"):
        if row in rows:
            other = rows[row]
            detail = f"accuracy {other.accuracy:.2f} at recall {other.recall40:.2f}, {other.predictions} predictions"
            tiles.append((f"mAP, {ROW_LABELS[row]}", f"{other.map40:.3f}", detail))
    return tiles


def _wide(groups: int) -> tuple[int, int]:
    return max(530, 110 * groups), 260
