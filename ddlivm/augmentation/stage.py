"""The stage `hstd_augmentation`: a site's diffused series and its source defects (3.3)."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.contours import ContourFinder, contour_finder, pixel_box
from ddlivm.augmentation.diffusion import Kernel, background, heat_hotspots
from ddlivm.augmentation.series import Patch, Series
from ddlivm.augmentation.source_defects import SourceDefect, SourceDefects
from ddlivm.data import DataSet, Infrared, Labels, Pair
from ddlivm.parameters import HstdAugmentation

GREY_RANGE = (0.0, 255.0)


def augment_site(data: Path, site: str, parameters: HstdAugmentation, out: Path) -> None:
    """Write `series.json`, `series.safetensors`, `defects.json` and `defects.safetensors` of one site.

    Args:
        data: the data set's folder.
        site: the site's id.
        parameters: the stage's section.
        out: an empty folder.

    Raises:
        InputError: the site is not in the data or cannot be read.
    """
    source = DataSet.load(data).site(site)
    finder = contour_finder(parameters.sam_checkpoint)
    series: dict[str, tuple[tuple[Patch, ...], ...]] = {}
    defects: list[SourceDefect] = []
    for pair in source.pairs:
        labels = source.labels.get(pair.name)
        if labels is None or not len(labels.defects):
            continue
        infrared = pair.read_infrared()
        series[pair.name] = diffuse_pair(pair, infrared, labels, parameters)
        defects += cut_out_defects(pair, infrared, labels, finder)
    Series(site, _kernel(parameters), parameters.iterations, series).save(out)
    SourceDefects(tuple(defects)).save(out)


def diffuse_pair(
    pair: Pair, infrared: Infrared, labels: Labels, parameters: HstdAugmentation
) -> tuple[tuple[Patch, ...], ...]:
    """Return the patches of a pair's diffused images, for each draw of σ.

    The draws depend on the seed and the pair alone, so that another pair more or less changes nothing here.
    """
    rng = np.random.default_rng([parameters.seed, zlib.crc32(pair.key.encode())])
    hotspots = hotspot_masks(labels, infrared.values.shape)
    sensor_range = parameters.sensor_range if infrared.radiometric else GREY_RANGE
    draws = []
    for _ in range(parameters.series_per_pair):
        diffusivity = float(rng.uniform(*parameters.diffusivity))
        heatings = heat_hotspots(
            infrared.values, hotspots, _kernel(parameters), diffusivity, parameters.iterations, sensor_range
        )
        draws.append(
            tuple(
                Patch.of(heating, diffusivity, tuple(int(labels.ids[index]) for index in heating.hotspots))
                for heating in heatings
            )
        )
    return tuple(draws)


def cut_out_defects(pair: Pair, infrared: Infrared, labels: Labels, finder: ContourFinder) -> list[SourceDefect]:
    """Return a pair's labelled defects with their contours and cut-outs."""
    values = infrared.values
    low, high = np.percentile(values, [1, 99])
    contours = finder.find(values, labels.defects.boxes)
    return [
        SourceDefect(
            site=pair.site,
            pair=pair.name,
            annotation=int(annotation),
            kind=int(kind),
            box=contour.box,
            area_share=contour.area_share,
            perimeter_share=contour.perimeter_share,
            excess=values[contour.box[1] : contour.box[3], contour.box[0] : contour.box[2]]
            - np.float32(background(values, contour.box)),
            mask=contour.mask,
            image_width=values.shape[1],
            radiometric=infrared.radiometric,
            spread=float(high - low),
        )
        for contour, annotation, kind in zip(contours, labels.ids, labels.defects.classes, strict=True)
    ]


def hotspot_masks(labels: Labels, shape: tuple[int, ...]) -> list[npt.NDArray[np.bool_]]:
    """Return each defect's area as an (H, W) mask: the pixels of its outline where labelled, else of its box."""
    masks = []
    for box, polygon in zip(labels.defects.boxes, labels.polygons, strict=True):
        mask = np.zeros(shape[:2], dtype=np.uint8)
        if polygon is None:
            x0, y0, x1, y1 = pixel_box(box, shape)
            mask[y0:y1, x0:x1] = 1
        else:  # OpenCV's integers are pixel centres, with four binary places here
            points = np.rint((polygon - 0.5) * 16).astype(np.int32)
            cv2.fillPoly(mask, [points], 1, shift=4)
        masks.append(mask.astype(bool))
    return masks


def _kernel(parameters: HstdAugmentation) -> Kernel:
    return Kernel(parameters.corner_weight, parameters.edge_weight, parameters.conservative)
