"""The paper's own values (paper.yaml)."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from ddlivm.files import read_yaml

SCENARIOS = tuple(f"#{number}" for number in range(1, 10))


@dataclass(frozen=True)
class PaperRow:
    """A model's accuracy, and its mAP@0.4 where printed, on the scenarios #1 to #9.

    `row` is the row of a run that stands for the same thing, where there is one.
    """

    model: str
    accuracy: tuple[float, ...]
    map40: tuple[float, ...] | None = None
    row: str | None = None


@dataclass(frozen=True)
class Paper:
    """Tables 2, 4 and 5. `table4` gives DPDETR, GM-DETR and DD-LIVM by defect type."""

    table2: tuple[PaperRow, ...]
    table4: dict[str, tuple[float, float, float]]
    table5: tuple[PaperRow, ...]


@cache
def load_paper() -> Paper:
    """Read the paper's values."""
    return TypeAdapter(Paper).validate_python(read_yaml(Path(__file__).with_name("paper.yaml")))


def scenario_of(site: str, name: str) -> int | None:
    """Return the index of the scenario that a site is modelled on, from `#3` in its name or `site3` as its id."""
    found = re.search(r"#([1-9])\b", name) or re.fullmatch(r"site([1-9])", site)
    return int(found.group(1)) - 1 if found else None
