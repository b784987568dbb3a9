"""Check a data set: every file, size, pair, box, outline, class and id."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.data.dataset import IMAGE_SUFFIXES, MODALITIES, PANEL, DataSet, Pair, Site
from ddlivm.data.outlines import outline, segmentation_outline
from ddlivm.data.readers import read_panel_mask
from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256

SLACK = 0.01
"""Pixels that rounding may put a box over the edge."""


@dataclass(frozen=True)
class SiteCount:
    """What a site holds: how many pairs, defects, and panel outlines, boxes and masks."""

    site: str
    name: str
    pairs: int
    defects: int
    panels: int


@dataclass(frozen=True)
class Validation:
    """A data set's check.

    Attributes:
        problems: one line each; empty when all is well.
        counts: a row a site.
    """

    problems: tuple[str, ...]
    counts: tuple[SiteCount, ...]


def validate_data(folder: Path) -> Validation:
    """Check every site; all problems are collected, not only the first.

    Raises:
        InputError: the folder is no data set at all.
    """
    dataset = DataSet.load(folder)
    problems: list[str] = []
    counts = []
    for site in dataset.sites.values():
        sizes: dict[str, dict[str, tuple[int, int]]] = {}
        problems += _check_images(site, sizes)
        problems += _check_panel_masks(site, sizes)
        found, count = _check_annotations(site, sizes)
        problems += found
        counts.append(count)
    return Validation(tuple(problems), tuple(counts))


def check_manifest(folder: Path, manifest: Path) -> list[str]:
    """Return a line for each file that is missing, changed or new against `sha256sum`'s format."""
    known: dict[str, str] = {}
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{manifest}: cannot be read as a manifest ({error})") from error
    for number, line in enumerate(lines, start=1):
        digest, gap, name = line.partition("  ")
        if not gap or len(digest) != 64:
            raise InputError(f"{manifest}: line {number} is not `<sha256>  <path>`; write it again")
        known[name] = digest
    present = digests(folder, manifest)
    problems = [f"{folder / name}: is in {manifest} but missing" for name in sorted(known.keys() - present.keys())]
    problems += [f"{folder / name}: is not in {manifest}" for name in sorted(present.keys() - known.keys())]
    changed = sorted(name for name in known.keys() & present.keys() if known[name] != present[name])
    return problems + [f"{folder / name}: differs from {manifest} (sha256)" for name in changed]


def write_manifest(folder: Path, manifest: Path) -> None:
    """Write the sha256 of every file, as `sha256sum` does."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests(folder, manifest).items())]
    manifest.write_text("".join(lines), encoding="utf-8")


def digests(folder: Path, manifest: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder by its path in it, the manifest itself left out."""
    own = manifest.resolve()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve() != own]
    with ThreadPoolExecutor() as pool:
        return dict(zip((path.relative_to(folder).as_posix() for path in files), pool.map(sha256, files), strict=True))


def _check_images(site: Site, sizes: dict[str, dict[str, tuple[int, int]]]) -> Iterator[str]:
    """Yield what is wrong with a site's images; fill `sizes` by pair and modality with what could be read."""
    files: dict[str, dict[str, Path]] = {modality: {} for modality in MODALITIES}
    for modality in MODALITIES:
        place = site.folder / modality
        for path in sorted(place.iterdir()) if place.is_dir() else []:
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                yield f"{path}: is no image ({', '.join(IMAGE_SUFFIXES)}); remove it"
            elif path.stem in files[modality]:
                yield f"{path}: pair {path.stem!r} has {files[modality][path.stem].name} already; remove one"
            else:
                files[modality][path.stem] = path
    infrared, visible = files["infrared"], files["visible"]
    if not infrared and not visible:
        yield f"{site.folder}: site {site.id!r} has no images; expected infrared/ and visible/ with pairs"
    for name in sorted(infrared.keys() ^ visible.keys()):
        path = infrared.get(name) or visible[name]
        yield f"{path}: has no {'visible' if name in infrared else 'infrared'} partner {name!r}"
    pairs = [
        Pair(site.id, name, infrared[name], visible[name], site.temperature_scale)
        for name in sorted(infrared.keys() & visible.keys())
    ]
    with ThreadPoolExecutor() as pool:
        for pair, (found, problems) in zip(pairs, pool.map(_read, pairs), strict=True):
            sizes[pair.name] = found
            yield from problems


def _read(pair: Pair) -> tuple[dict[str, tuple[int, int]], list[str]]:
    sizes, problems = {}, []
    for modality in MODALITIES:
        try:
            image = pair.read_infrared().values if modality == "infrared" else pair.read_visible()
        except InputError as error:
            problems.append(str(error))
        else:
            sizes[modality] = (image.shape[1], image.shape[0])
    return sizes, problems


def _check_panel_masks(site: Site, sizes: dict[str, dict[str, tuple[int, int]]]) -> Iterator[str]:
    """Yield what is wrong with a site's panel masks; a site need not have any."""
    folder = site.folder / "panels"
    for path in sorted(folder.rglob("*.*")) if folder.is_dir() else []:
        modality = path.relative_to(folder).parts[0]
        if modality not in MODALITIES or path.parent.parent != folder or path.suffix != ".png":
            yield f"{path}: is no panel mask; expected panels/infrared/<id>.png or panels/visible/<id>.png"
        elif path.stem not in sizes:
            yield f"{path}: has no pair {path.stem!r}"
        elif size := sizes[path.stem].get(modality):
            try:
                read_panel_mask(path, size)
            except InputError as error:
                yield str(error)


def _check_annotations(site: Site, sizes: dict[str, dict[str, tuple[int, int]]]) -> tuple[list[str], SiteCount]:
    path = site.folder / "annotations.json"
    none = SiteCount(site.id, site.name, len(sizes), 0, 0)
    try:
        content = read_json(path)
        problems = list(_annotation_problems(content, path, sizes))
    except InputError as error:
        return [str(error)], none
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"{path}: is not a COCO annotation file as expected ({error!r})"], none
    boxed = {entry["id"] for entry in content["categories"] if entry["name"] == PANEL}
    boxes = sum(entry["category_id"] in boxed for entry in content["annotations"])
    panels = boxes + sum(len(entry["polygons"]) for entry in content.get("panels", []))
    panels += sum(len(site.panel_masks(name)) for name in sizes)
    return problems, SiteCount(site.id, site.name, len(sizes), len(content["annotations"]) - boxes, panels)


def _annotation_problems(
    content: dict[str, Any], path: Path, sizes: dict[str, dict[str, tuple[int, int]]]
) -> Iterator[str]:
    images = {image["id"]: image for image in content["images"]}
    for part in ("images", "annotations", "categories"):
        repeated = [key for key, count in Counter(entry["id"] for entry in content[part]).items() if count > 1]
        yield from (f"{path}: {part}: id {key} is given twice" for key in repeated)
    names = Counter(Path(image["file_name"]).stem for image in content["images"])
    yield from (f"{path}: images: {name!r} is listed twice" for name, count in names.items() if count > 1)
    yield from (f"{path}: images: does not list pair {name!r}" for name in sorted(sizes.keys() - names.keys()))
    for image in content["images"]:
        stem, size = Path(image["file_name"]).stem, (int(image["width"]), int(image["height"]))
        if stem not in sizes:
            yield f"{path}: image {image['id']} ({image['file_name']}) has no pair of files"
        elif sizes[stem].get("infrared", size) != size:
            actual = sizes[stem]["infrared"]
            yield f"{path}: image {image['id']} is {size[0]}x{size[1]}, its file is {actual[0]}x{actual[1]}"
    known = load_taxonomy().names
    categories = {entry["id"]: entry["name"] for entry in content["categories"]}
    for name in sorted(set(categories.values()) - {*known, PANEL}):
        yield f"{path}: category {name!r} is no known defect type; the taxonomy has {', '.join(known)}"
    for entry in content["annotations"]:
        yield from _label_problems(entry, images, categories, sizes, path)
    yield from _panel_problems(content.get("panels", []), images, sizes, path)


def _label_problems(
    entry: dict[str, Any],
    images: dict[int, dict[str, Any]],
    categories: dict[int, str],
    sizes: dict[str, dict[str, tuple[int, int]]],
    path: Path,
) -> Iterator[str]:
    what = f"{path}: annotation {entry['id']}"
    if entry["category_id"] not in categories:
        yield f"{what} has unknown category {entry['category_id']}"
    if entry["image_id"] not in images:
        yield f"{what} names image {entry['image_id']}, not listed"
        return
    image = images[entry["image_id"]]
    size = (int(image["width"]), int(image["height"]))
    if categories.get(entry["category_id"]) == PANEL:
        modality = entry.get("modality", "infrared")
        if modality not in MODALITIES:
            yield f"{what}: modality {modality!r}; expected one of {', '.join(MODALITIES)}"
            return
        size = sizes.get(Path(image["file_name"]).stem, {}).get(modality, size)
    x, y, width, height = (float(value) for value in entry["bbox"])
    if not (width > 0 and height > 0):
        yield f"{what} has an empty box {entry['bbox']}; bbox is [x, y, width, height]"
    elif not _inside(np.array([(x, y), (x + width, y + height)]), size):
        yield f"{what} has a box {entry['bbox']} outside its image of {size[0]}x{size[1]}"
    try:
        polygon = segmentation_outline(entry.get("segmentation"), what)
    except InputError as error:
        yield str(error)
    else:
        if polygon is not None and not _inside(polygon, size):
            yield f"{what} has an outline outside its image of {size[0]}x{size[1]}"


def _panel_problems(
    panels: list[dict[str, Any]],
    images: dict[int, dict[str, Any]],
    sizes: dict[str, dict[str, tuple[int, int]]],
    path: Path,
) -> Iterator[str]:
    for entry in panels:
        what = f"{path}: panels of image {entry['image_id']}"
        if entry["image_id"] not in images:
            yield f"{what}: the image is not listed"
            continue
        if entry["modality"] not in MODALITIES:
            yield f"{what}: modality {entry['modality']!r}; expected one of {', '.join(MODALITIES)}"
            continue
        size = sizes.get(Path(images[entry["image_id"]]["file_name"]).stem, {}).get(entry["modality"])
        for polygon in entry["polygons"]:
            try:
                points = outline(polygon, what)
            except InputError as error:
                yield str(error)
            else:
                if size and not _inside(points, size):
                    yield f"{what}: an outline leaves the {entry['modality']} image of {size[0]}x{size[1]}"


def _inside(points: npt.NDArray[np.floating], size: tuple[int, int]) -> bool:
    return bool((points >= -SLACK).all() and (points <= np.add(size, SLACK)).all())
