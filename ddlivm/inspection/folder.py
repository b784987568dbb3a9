"""Find the pairs in a folder of raw drone images, whatever the camera called them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddlivm.data import DataSet, Pair, TemperatureScale, read_infrared, read_visible
from ddlivm.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
FOLDERS = (("infrared", "visible"), ("T-images", "V-images"))
INFRARED, VISIBLE = "infrared", "visible"
_ENDING = re.compile(r"(?P<id>.+)_(?P<kind>[TRV])", re.IGNORECASE)

Part = tuple[str, str]
"""A pair's id, and which of its images: `infrared` or `visible`."""


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why, in one line that names it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """What is in a folder.

    Attributes:
        pairs: by id; their files exist, whether they can be read is seen when they are.
        rejected: images that are in no pair.
    """

    pairs: tuple[Pair, ...]
    rejected: tuple[Rejected, ...]


def find_pairs(folder: Path, names: str | None = None) -> Found:
    """Find the pairs of one plant.

    A plant of a data set keeps the temperature scale that `sites.yaml` beside it gives.

    Args:
        folder: `infrared/` and `visible/`, or `T-images/` and `V-images/`, or both kinds together with names that end
            in `_T` or `_R` (infrared) and `_V` (visible).
        names: how the files are named instead: the infrared and the visible path below the folder, separated by a
            comma, each with `{id}` once; upper and lower case are the same.

    Raises:
        InputError: no such folder, the rule is none, or no image is named as expected.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one with the infrared and visible images")
    parts = _listed(folder, _by_rule(names)) if names else _by_layout(folder)
    scale = _known_scale(folder)
    files: dict[str, dict[str, Path]] = {}
    rejected = []
    for path, part in parts:
        if part is None:
            rejected.append(Rejected(path, _lone_reason(path, None)))
            continue
        identifier, kind = part
        own = files.setdefault(identifier, {})
        if kind in own:
            rejected.append(Rejected(path, f"{path}: pair {identifier} has {own[kind].name} already; remove one"))
        else:
            own[kind] = path
    pairs = []
    for identifier, own in sorted(files.items()):
        if len(own) == 2:
            pairs.append(Pair(folder.name, identifier, own[INFRARED], own[VISIBLE], scale))
        else:
            (kind, path), *_ = own.items()
            rejected.append(Rejected(path, _lone_reason(path, kind)))
    if not pairs and not rejected:
        expected = f"named {names}" if names else "in infrared/ and visible/, or with names that end in _T and _V"
        raise InputError(f"{folder}: has no images {expected}; a rule can be given, e.g. --names {_EXAMPLE}")
    return Found(tuple(pairs), tuple(sorted(rejected, key=lambda entry: entry.path)))


_EXAMPLE = '"{id}_IR.jpg,{id}_RGB.jpg"'


def _known_scale(folder: Path) -> TemperatureScale | None:
    around = folder.resolve().parent
    if not (around / "sites.yaml").is_file():
        return None
    site = DataSet.load(around).sites.get(folder.resolve().name)
    return site.temperature_scale if site else None


def _by_layout(folder: Path) -> Iterator[tuple[Path, Part | None]]:
    entries = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    for infrared, visible in FOLDERS:
        places = [entries.get(name.lower()) for name in (infrared, visible)]
        if all(places):
            for kind, place in zip((INFRARED, VISIBLE), places, strict=True):
                assert place is not None
                for path in _images(place):
                    yield path, (_without_ending(path.stem), kind)
            return
    for path in _images(folder):
        yield path, _by_ending(path.stem)


def _images(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() in SUFFIXES]


def _by_ending(stem: str) -> Part | None:
    match = _ENDING.fullmatch(stem)
    if match is None:
        return None
    return match["id"], VISIBLE if match["kind"].upper() == "V" else INFRARED


def _without_ending(stem: str) -> str:
    match = _ENDING.fullmatch(stem)
    return match["id"] if match else stem


def _by_rule(names: str) -> Callable[[PurePosixPath], Part | None]:
    rules = [rule.strip() for rule in names.split(",")]
    if len(rules) != 2 or any(rule.count("{id}") != 1 for rule in rules) or rules[0].lower() == rules[1].lower():
        raise InputError(f"--names {names!r}: expected two different names with {{id}} once in each, e.g. {_EXAMPLE}")
    patterns = []
    for rule in rules:
        before, after = map(re.escape, rule.split("{id}"))
        patterns.append(re.compile(f"{before}(?P<id>[^/]+){after}", re.IGNORECASE))

    def part(path: PurePosixPath) -> Part | None:
        kinds = zip((INFRARED, VISIBLE), (pattern.fullmatch(str(path)) for pattern in patterns), strict=True)
        # Where one name is a case of the other ("{id}.jpg,{id}_V.jpg"), the one that leaves less to the id is meant.
        fits = [(len(match["id"]), kind, match["id"]) for kind, match in kinds if match]
        return (min(fits)[2], min(fits)[1]) if fits else None

    return part


def _listed(folder: Path, part: Callable[[PurePosixPath], Part | None]) -> Iterator[tuple[Path, Part | None]]:
    """Yield what a rule names; other files are none of its business."""
    for path in sorted(folder.rglob("*")):
        found = part(PurePosixPath(path.relative_to(folder).as_posix())) if path.is_file() else None
        if found is not None:
            yield path, found


def _lone_reason(path: Path, kind: str | None) -> str:
    """Say why a file is in no pair; that it cannot even be read says more than that its partner is missing."""
    try:
        if kind == INFRARED:
            read_infrared(path)
        else:
            read_visible(path)
    except InputError as error:
        return str(error)
    if kind is None:
        return f"{path}: its name does not end in _T, _R or _V; rename it, or give the rule with --names"
    other = VISIBLE if kind == INFRARED else INFRARED
    return f"{path}: has no {other} partner; add it to have this pair inspected"
