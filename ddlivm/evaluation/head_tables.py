"""The tables of the head selection: what was chosen in each fold, and what each head would have given."""

from collections.abc import Sequence

from ddlivm.evaluation.figures import FoldFigures
from ddlivm.evaluation.selection import COMPARED
from ddlivm.evaluation.tables import NOTHING, Cell, Row, Table, fold_title, measured, simulated


def choices(folds: Sequence[FoldFigures]) -> Table:
    """What the head selection chose in each fold, and what that cost."""
    rows = []
    for fold in folds:
        score = next(entry.score for entry in fold.selection.candidates if entry.head == fold.chosen)
        cells = (
            Cell(fold.chosen, f"of {len(fold.selection.candidates)} heads{', a tie' if fold.selection.tie else ''}"),
            Cell(NOTHING if score is None else f"{score:.3f}"),
            measured(fold.row("selected").all),
            Cell(f"{fold.regret.accuracy:.3f}", f"best: {fold.regret.best_accuracy}"),
            Cell(f"{fold.regret.map40:.3f}", f"best: {fold.regret.best_map40}"),
        )
        rows.append(Row(fold_title(fold), cells, own=True))
    ap = f"mAP@{folds[0].iou_threshold:g}"
    return Table(
        "heads",
        f"The selected heads, and their regret{simulated(folds)}",
        "The choice uses the held-out site's unlabelled images: it is transductive. Regret: what the best head in "
        f"hindsight has more. Mean IoU: {COMPARED[folds[0].selection.score]}. A tie: the best head could not be told "
        "apart from another by it.",
        "Fold",
        ("Selected", "Mean IoU", f"Accuracy ({ap})", "Regret in accuracy", f"Regret in {ap}"),
        tuple(rows),
    )


def candidates(fold: FoldFigures) -> Table:
    """Every head of one fold: how it held, and what the labels say of it."""
    rows = []
    for entry in fold.selection.candidates:
        own = fold.heads[entry.head]
        measures = own.all
        spread = "" if entry.spread is None else f"{entry.spread[0]:.3f} to {entry.spread[1]:.3f}"
        cells = (
            Cell(NOTHING if entry.score is None else f"{entry.score:.3f}", spread),
            Cell(str(entry.detections), "" if entry.eligible else "too few to be chosen"),
            Cell(f"{measures.accuracy:.3f}"),
            Cell(f"{measures.recall40:.3f}"),
            Cell(str(measures.predictions)),
            Cell(f"{measures.map40:.3f}"),
            Cell(f"{own.threshold:.3f}"),
            Cell(NOTHING if own.matched.accuracy is None else f"{own.matched.accuracy:.3f}"),
        )
        rows.append(Row(entry.head, cells, own=entry.head == fold.chosen))
    at, recall = f"@{fold.iou_threshold:g}", fold.heads[fold.chosen].matched.recall40
    return Table(
        f"heads_{fold.fold}",
        f"Every head on {fold_title(fold)}{simulated([fold])}",
        f"Mean IoU {COMPARED[fold.selection.score]}, with its 95 % interval; the rest is hindsight, at each head's "
        "shipped threshold. The last column is a diagnostic: it takes the labels to find the threshold of that recall.",
        "Head",
        (
            "Mean IoU",
            "Detections tried",
            "Accuracy",
            f"recall{at}",
            "predictions",
            f"mAP{at}",
            "Threshold",
            f"Accuracy at recall {recall:g}",
        ),
        tuple(rows),
    )
