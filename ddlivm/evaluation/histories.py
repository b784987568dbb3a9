"""What the training stages logged, an entry an epoch."""

from pathlib import Path

from ddlivm.errors import InputError
from ddlivm.evaluation.figures import History
from ddlivm.files import read_json


def load_history(folder: Path) -> History:
    """Read `history.json` of a training stage: rows of an epoch and its losses, seldom with a phase or another text.

    Raises:
        InputError: the file is missing, or its rows have no epochs.
    """
    path = folder / "history.json"
    rows = read_json(path)
    try:
        epochs = tuple(int(row["epoch"]) for row in rows)
        numbers = [{key: value for key, value in row.items() if isinstance(value, int | float)} for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: every row needs an epoch and numbers ({error!r})") from error
    names = sorted({key for row in numbers for key in row} - {"epoch"})
    return History(epochs, {name: tuple(row.get(name) for row in numbers) for name in names})
