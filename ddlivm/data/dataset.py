"""The data set on disk: sites, their pairs, and their labels, which are read only when asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ddlivm.data.detections import Detections
from ddlivm.data.folds import NOTHING, Fold, SetAside, resolve_fold
from ddlivm.data.lenses import width_share
from ddlivm.data.outlines import Outline, box_outlines, outline, segmentation_outline
from ddlivm.data.readers import Infrared, TemperatureScale, read_infrared, read_visible
from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.files import read_json, read_yaml

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
MODALITIES = ("infrared", "visible")
PANEL = "panel"
"""The category of annotations that box a panel instead of a defect."""


@dataclass(frozen=True)
class Pair:
    """One infrared and one visible image, taken together.

    Attributes:
        site: the site's id.
        name: the pair's id, unique within the site; the stem of both files.
        infrared_path: the raw infrared image.
        visible_path: the raw visible image.
        temperature_scale: how 16-bit infrared values encode °C, where they do.
    """

    site: str
    name: str
    infrared_path: Path
    visible_path: Path
    temperature_scale: TemperatureScale | None = None

    @property
    def key(self) -> str:
        """`<site>/<name>`."""
        return f"{self.site}/{self.name}"

    def read_infrared(self) -> Infrared:
        """Read the raw infrared image."""
        return read_infrared(self.infrared_path, self.temperature_scale)

    def read_visible(self) -> npt.NDArray[np.uint8]:
        """Read the raw visible image, (H, W, 3) uint8 RGB."""
        return read_visible(self.visible_path)

    @property
    def width_share(self) -> float | None:
        """The share of the visible picture's width that the infrared one shows, by the lenses; None if unknown."""
        return width_share(self.infrared_path, self.visible_path)


@dataclass(frozen=True)
class Labels:
    """The labels of one pair.

    Attributes:
        image_id: the COCO image id, for results.
        defects: boxes in raw infrared pixels.
        ids: (n,) the COCO annotation ids, parallel to `defects`.
        polygons: per defect, the first polygon of its `segmentation` in raw infrared pixels, or None.
        panels: modality (`infrared` or `visible`) to panel outlines, or boxes, in that modality's raw pixels.
        size: (width, height) of the raw infrared image.
    """

    image_id: int
    defects: Detections
    ids: npt.NDArray[np.int64]
    polygons: tuple[Outline | None, ...]
    panels: dict[str, tuple[Outline, ...]]
    size: tuple[int, int]

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """Per defect, its polygon where it has one, else its box; raw infrared pixels."""
        boxes = box_outlines(self.defects.boxes)
        return tuple(box if polygon is None else polygon for box, polygon in zip(boxes, self.polygons, strict=True))


@dataclass(frozen=True)
class Site:
    """One site's folder. Its pairs come from the image files, so that labels are not needed to know them."""

    id: str
    name: str
    station: str
    folder: Path
    temperature_scale: TemperatureScale | None
    facts: dict[str, Any]

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The site's pairs, by name.

        Raises:
            InputError: no pairs, or an image without its partner.
        """
        infrared, visible = (_images(self.folder / part) for part in ("infrared", "visible"))
        if not infrared and not visible:
            raise InputError(
                f"{self.folder}: site {self.id!r} has no images; expected infrared/ and visible/ with pairs"
            )
        lonely = sorted(infrared.keys() ^ visible.keys())
        if lonely:
            path = infrared.get(lonely[0]) or visible[lonely[0]]
            other = "visible" if lonely[0] in infrared else "infrared"
            raise InputError(f"{path}: has no {other} partner {lonely[0]!r}; add it or remove this image")
        return tuple(
            Pair(self.id, name, infrared[name], visible[name], self.temperature_scale) for name in sorted(infrared)
        )

    @cached_property
    def labels(self) -> dict[str, Labels]:
        """The labels of each pair, by pair name.

        Raises:
            InputError: annotations.json is missing, damaged, names an unknown type or image, or has a bad outline.
        """
        path = self.folder / "annotations.json"
        content = read_json(path)
        try:
            return _parse_labels(content, path)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is not a COCO annotation file as expected ({error!r})") from error

    def panel_masks(self, name: str) -> dict[str, Path]:
        """Return a pair's panel masks by modality, `panels/<modality>/<name>.png`, where there are any."""
        paths = {modality: self.folder / "panels" / modality / f"{name}.png" for modality in MODALITIES}
        return {modality: path for modality, path in paths.items() if path.is_file()}


@dataclass(frozen=True)
class DataSet:
    """All sites below one folder."""

    folder: Path
    sites: dict[str, Site]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `sites.yaml`; images and labels are read when asked for.

        Raises:
            InputError: the folder is no data set.
        """
        path = folder / "sites.yaml"
        if not path.is_file():
            raise InputError(f"{folder}: is no data set (no sites.yaml); make one with: ddlivm simulate --out {folder}")
        entries = read_yaml(path)
        try:
            sites = {str(entry["id"]): _parse_site(entry, folder) for entry in entries}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: every site needs id, name and station ({error!r})") from error
        if len(sites) != len(entries):
            raise InputError(f"{path}: a site id is listed twice")
        return cls(folder, sites)

    def site(self, name: str) -> Site:
        """Return one site.

        Raises:
            InputError: no such site.
        """
        if name not in self.sites:
            raise InputError(f"site {name!r} is not in the data ({self.folder}); it has {', '.join(self.sites)}")
        return self.sites[name]

    def fold(self, name: str, gate_sites: tuple[str, ...], aside: SetAside = NOTHING) -> Fold:
        """Return a fold over these sites."""
        return resolve_fold(name, tuple(self.sites), gate_sites, aside)


def _images(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}


def _parse_site(entry: dict[str, Any], folder: Path) -> Site:
    scale = entry.get("temperature_scale")
    known = {"id", "name", "station", "temperature_scale"}
    identifier = str(entry["id"])
    if identifier in ("", "all") or Path(identifier).name != identifier:
        raise ValueError(f"id {identifier!r} cannot be a folder's name (and `all` is a fold)")
    return Site(
        id=identifier,
        name=str(entry["name"]),
        station=str(entry["station"]),
        folder=folder / identifier,
        temperature_scale=TemperatureScale(float(scale["gain"]), float(scale["offset"])) if scale else None,
        facts={key: value for key, value in entry.items() if key not in known},
    )


def _parse_labels(content: dict[str, Any], path: Path) -> dict[str, Labels]:
    taxonomy = load_taxonomy()
    try:
        class_of = {
            entry["id"]: None if entry["name"] == PANEL else taxonomy.index(entry["name"])
            for entry in content["categories"]
        }
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    by_image: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        if annotation["image_id"] not in by_image:
            raise InputError(f"{path}: annotation {annotation['id']} names image {annotation['image_id']}, not listed")
        if annotation["category_id"] not in class_of:
            raise InputError(f"{path}: annotation {annotation['id']} has unknown category {annotation['category_id']}")
        by_image[annotation["image_id"]].append(annotation)
    panels = _boxed_panels(content, class_of)
    for entry in content.get("panels", []):
        what = f"{path}: panels of image {entry['image_id']}"
        outlines = tuple(outline(polygon, what) for polygon in entry["polygons"])
        panels.setdefault(entry["image_id"], {})[entry["modality"]] = outlines
    return {
        Path(image["file_name"]).stem: _image_labels(image, by_image[image["id"]], class_of, panels, path)
        for image in content["images"]
    }


def _boxed_panels(
    content: dict[str, Any], class_of: dict[int, int | None]
) -> dict[int, dict[str, tuple[Outline, ...]]]:
    """Return the boxes of category `panel` by image and modality, infrared where an annotation names none."""
    boxes: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for entry in content["annotations"]:
        if class_of[entry["category_id"]] is None:
            boxes.setdefault((entry["image_id"], entry.get("modality", "infrared")), []).append(entry)
    panels: dict[int, dict[str, tuple[Outline, ...]]] = {}
    for (image, modality), entries in boxes.items():
        rows = [{**entry, "category_id": 1} for entry in entries]
        panels.setdefault(image, {})[modality] = box_outlines(Detections.from_coco(rows).boxes)
    return panels


def _image_labels(
    image: dict[str, Any],
    annotations: list[dict[str, Any]],
    class_of: dict[int, int | None],
    panels: dict[int, dict[str, tuple[Outline, ...]]],
    path: Path,
) -> Labels:
    classes = [(entry, class_of[entry["category_id"]]) for entry in annotations]
    annotations = [entry for entry, known in classes if known is not None]
    rows = [{**entry, "category_id": known + 1} for entry, known in classes if known is not None]
    return Labels(
        image_id=int(image["id"]),
        defects=Detections.from_coco(rows),
        ids=np.array([entry["id"] for entry in annotations], dtype=np.int64),
        polygons=tuple(
            segmentation_outline(entry.get("segmentation"), f"{path}: annotation {entry['id']}")
            for entry in annotations
        ),
        panels=panels.get(image["id"], {}),
        size=(int(image["width"]), int(image["height"])),
    )
