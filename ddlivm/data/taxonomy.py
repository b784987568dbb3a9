"""The defect types, and how the three steps of DTFT regroup them (Figure 6, Section 3.2)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from ddlivm.files import read_yaml

SHAPES = ("point", "strip", "bar", "region")
TAXONOMY = Path(__file__).with_name("taxonomy.yaml")


@dataclass(frozen=True)
class DefectType:
    """One defect type: its key, its name in the paper's tables, its hotspot's shape, and whether it is visible."""

    name: str
    label: str
    shape: str
    external: bool


@dataclass(frozen=True)
class Taxonomy:
    """The defect types in a fixed order; a type's class index is its place in it."""

    types: tuple[DefectType, ...]

    def __len__(self) -> int:
        return len(self.types)

    @property
    def names(self) -> tuple[str, ...]:
        """The types' keys in class order."""
        return tuple(kind.name for kind in self.types)

    def index(self, name: str) -> int:
        """Return the class index of a type.

        Raises:
            InputError: no such type.
        """
        if name not in self.names:
            raise InputError(f"defect type {name!r} is unknown; the taxonomy has {', '.join(self.names)}")
        return self.names.index(name)

    @property
    def shape_of_class(self) -> tuple[int, ...]:
        """Step 1's label of each class: the index of its hotspot shape in `SHAPES`."""
        return tuple(SHAPES.index(kind.shape) for kind in self.types)

    @property
    def external_of_class(self) -> tuple[int, ...]:
        """Step 2's detection label of each class: its rank among the external types, -1 for internal ones."""
        ranks = iter(range(len(self.types)))
        return tuple(next(ranks) if kind.external else -1 for kind in self.types)

    @property
    def contrast_of_class(self) -> tuple[int, ...]:
        """Step 2's contrastive label of each class: as `external_of_class`, the internal types grouped as one more."""
        return tuple(self.external_count if rank < 0 else rank for rank in self.external_of_class)

    @property
    def external_count(self) -> int:
        """How many types are external."""
        return sum(kind.external for kind in self.types)


@cache
def load_taxonomy(path: Path = TAXONOMY) -> Taxonomy:
    """Load the defect types.

    Raises:
        InputError: an entry lacks a field, repeats a name, or has an unknown shape.
    """
    entries = read_yaml(path)
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path}: expected a list of defect types, each with name, label, shape and external")
    types = tuple(_parse(entry, path) for entry in entries)
    names = [kind.name for kind in types]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: defect type {repeated[0]!r} is listed twice")
    return Taxonomy(types)


def _parse(entry: dict[str, Any], path: Path) -> DefectType:
    try:
        kind = DefectType(**entry)
    except TypeError as error:
        raise InputError(f"{path}: entry {entry} needs exactly name, label, shape and external") from error
    if kind.shape not in SHAPES:
        raise InputError(f"{path}: {kind.name} has shape {kind.shape!r}; expected one of {', '.join(SHAPES)}")
    return kind
