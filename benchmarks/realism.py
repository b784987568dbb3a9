"""How much simulated pictures look like real ones, statistic by statistic, and whether a classifier tells them apart.

    OMP_NUM_THREADS=1 python -m benchmarks.realism --real DIR [--data data] [--out FILE]

Real pictures are a folder with T-images/*_T.JPG and V-images/*_V.JPG that came registered, draft_panel_masks/*.png,
draft_boxes.coco.json and index.csv with each pair's `id` and `lon`. Simulated panels and boxes are the exact truth.

Every infrared picture is brought to 8-bit grey levels first: radiometric ones between their 0.5th and 99.5th
percentile, as a camera's automatic gain does. For each statistic the table gives the quartiles of the real pictures
and the median of the simulated ones, of all sites and of each. A random forest then tells tiles from both, learnt on
one half of the places and sites and tried on the other, both ways round: an area under the curve of 0.5 would mean
that it cannot.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import DataSet, read_infrared, read_panel_mask, read_visible
from ddlivm.files import read_json, write_json
from ddlivm.segmentation.examples import rasterise
from ddlivm.thermography import robust

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SIZE = (640, 512)
"""Pixels, (width, height), of the infrared pictures compared."""
PAIRS_PER_SITE = 12
BANDS = (1.0, 2.0, 4.0, 8.0)
"""σ, pixels: texture is the deviation of what lies between a blur and twice that blur."""
AROUND = 40
"""Pixels around a hot region in which panels are its surroundings."""
TILE = 128
"""Side of the tiles that the classifier sees, infrared pixels."""


@dataclass(frozen=True)
class Picture:
    """A pair with its panels and hot regions.

    Attributes:
        group: `real` or the simulated site's id.
        half: 0 or 1; a classifier learns from one and is tried on the other.
        grey: (512, 640) float32, 0 to 255.
        visible: (512, 640, 3) uint8 RGB, of about the same ground.
        panels: (512, 640) bool, in the infrared picture.
        visible_panels: the same in the visible one.
        boxes: (k, 4) xyxy of hot regions.
    """

    group: str
    half: int
    grey: Field
    visible: npt.NDArray[np.uint8]
    panels: Mask
    visible_panels: Mask
    boxes: npt.NDArray[np.float64]


def read_real(folder: Path) -> Iterator[Picture]:
    """Read the real pairs that show panels."""
    coco = read_json(folder / "draft_boxes.coco.json")
    boxes: dict[int, list[list[float]]] = {}
    for row in coco["annotations"]:
        x, y, width, height = row["bbox"]
        boxes.setdefault(row["image_id"], []).append([x, y, x + width, y + height])
    ids = {image["file_name"].split("/")[-1]: image["id"] for image in coco["images"]}
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    middle = float(np.median([float(row["lon"]) for row in rows]))
    for row in rows:
        name = f"DJI_{row['id']}"
        visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
        mask = read_panel_mask(folder / "draft_panel_masks" / f"{name}.png", visible.shape[1::-1])
        panels = cv2.resize(mask, SIZE, interpolation=cv2.INTER_AREA) > 0.5
        if panels.mean() < 0.15:
            continue
        own = boxes.get(ids.get(f"{name}_T.JPG", -1), [])
        yield Picture(
            "real",
            int(float(row["lon"]) > middle),
            read_infrared(folder / "T-images" / f"{name}_T.JPG").values,
            np.asarray(cv2.resize(visible, SIZE, interpolation=cv2.INTER_AREA), np.uint8),
            np.asarray(panels),
            np.asarray(panels),
            np.array(own, np.float64).reshape(-1, 4),
        )


def read_simulated(data: Path) -> Iterator[Picture]:
    """Read some pairs of every site, evenly; visible pictures are shrunk to the infrared ones' size."""
    data_set = DataSet.load(data)
    for number, name in enumerate(data_set.sites):
        site = data_set.site(name)
        count = min(PAIRS_PER_SITE, len(site.pairs))
        for pair in (site.pairs[index * len(site.pairs) // count] for index in range(count)):
            labels = site.labels[pair.name]
            infrared, visible = pair.read_infrared(), pair.read_visible()
            panels, seen = (
                rasterise(labels.panels[modality], raw, SIZE) > 0.5
                for modality, raw in (("infrared", SIZE), ("visible", visible.shape[1::-1]))
            )
            if panels.mean() < 0.15:
                continue
            yield Picture(
                name,
                number % 2,
                grey_levels(infrared.values) if infrared.radiometric else infrared.values,
                np.asarray(cv2.resize(visible, SIZE, interpolation=cv2.INTER_AREA), np.uint8),
                panels,
                seen,
                labels.defects.boxes.astype(np.float64),
            )


def grey_levels(celsius: Field) -> Field:
    """Return temperatures as a camera's linear automatic gain shows them, whole levels."""
    low, high = np.percentile(celsius, [0.5, 99.5])
    return np.round(np.clip((celsius - low) / max(float(high - low), 1e-3), 0, 1) * 255).astype(np.float32)


def statistics(picture: Picture) -> dict[str, float]:
    """Measure a picture."""
    grey, panels = picture.grey, picture.panels
    inside, ground = _eroded(panels, 3), _eroded(~panels, 6)
    values, off = grey[inside], grey[ground]
    centre, spread = float(np.median(values)), deviation(values)
    found = {"panel share": float(panels.mean())}
    found |= module_size(grey, panels)
    found |= {
        "panel level": centre,
        "panel deviation": spread,
        "panel 2nd percentile, deviations": (float(np.percentile(values, 2)) - centre) / spread,
        "ground level": float(np.median(off)),
        "ground deviation": deviation(off),
        "ground 98th percentile - median": float(np.percentile(off, 98) - np.median(off)),
    }
    for region, mask in (("panel", inside), ("ground", ground)):
        found |= {f"{region} texture {band:g} px": value for band, value in texture(grey, mask)}
    light = picture.visible.astype(np.float32)
    tone = light.mean(axis=2)
    for region, mask in (
        ("panel", _eroded(picture.visible_panels, 3)),
        ("ground", _eroded(~picture.visible_panels, 6)),
    ):
        found |= {f"visible {region} level": float(np.median(tone[mask]))}
        found |= {f"visible {region} {name}": value for name, value in _colour(light, mask)}
        found |= {f"visible {region} texture {band:g} px": value for band, value in texture(tone, mask)}
    return found


def hot_regions(picture: Picture) -> list[dict[str, float]]:
    """Measure each hot region: its sides, and its contrast in robust deviations of the panels around it."""
    rows = []
    inside = _eroded(picture.panels, 3)
    for x0, y0, x1, y1 in np.round(picture.boxes).astype(int):
        part = picture.grey[max(y0, 0) : y1, max(x0, 0) : x1]
        rows_around = slice(max(y0 - AROUND, 0), y1 + AROUND), slice(max(x0 - AROUND, 0), x1 + AROUND)
        known = inside[rows_around].copy()
        known[max(y0, 0) - rows_around[0].start : y1 - rows_around[0].start,
              max(x0, 0) - rows_around[1].start : x1 - rows_around[1].start] = False  # fmt: skip
        around = picture.grey[rows_around][known]
        if len(around) < 100 or not part.size:
            continue
        rows.append(
            {
                "hot region, longer side": float(max(x1 - x0, y1 - y0)),
                "hot region, shorter side": float(min(x1 - x0, y1 - y0)),
                "hot region, contrast": float(np.percentile(part, 95) - np.median(around)) / deviation(around),
            }
        )
    return rows


def deviation(values: Field) -> float:
    """Return the robust standard deviation, at least half a grey level."""
    return max(robust.deviation(values), 0.5)


def texture(image: Field, mask: Mask) -> Iterator[tuple[float, float]]:
    """Yield each band's σ and deviation, blurred within the mask alone."""
    weight = mask.astype(np.float32)

    def blur(sigma: float) -> Field:
        return np.asarray(
            cv2.GaussianBlur(image * weight, (0, 0), sigma) / (cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-6)
        )

    for sigma in BANDS:
        yield sigma, float((blur(sigma) - blur(2 * sigma))[mask].std())


def module_size(grey: Field, panels: Mask) -> dict[str, float]:
    """Estimate the modules' sides from how often their frames come again along a table and across it, pixels."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(panels.astype(np.uint8))
    sides: list[tuple[float, float]] = []
    for label in range(1, count):
        if boxes[label, cv2.CC_STAT_AREA] < 3000:
            continue
        ys, xs = np.nonzero(labels == label)
        points = np.stack([xs, ys], axis=1).astype(np.float32)
        # Tables that the frame cuts are long enough that their longer axis is theirs.
        _, vectors = np.linalg.eigh(np.cov(points.T))
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        centre = points.mean(axis=0)
        matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), angle, 1.0)
        matrix[:, 2] += np.array([400, 400]) - centre
        sharp = np.clip(cv2.GaussianBlur(grey, (0, 0), 3) - grey, 0, None)
        turned = np.asarray(cv2.warpAffine(sharp, matrix, (800, 800)), np.float32)
        own = _eroded(np.asarray(labels == label), 3).astype(np.float32)
        mask = np.asarray(cv2.warpAffine(own, matrix, (800, 800)) > 0.5)
        along = _period(turned, mask)
        if along:
            height = float(np.median(mask.sum(axis=0)[mask.any(axis=0)])) + 6
            sides.append((along, height / (1 + _seams(turned, mask))))
    if not sides:
        return {}
    median = np.median(np.array(sides), axis=0)
    return {"module longer side": float(median.max()), "module shorter side": float(median.min())}


def _period(image: Field, mask: Mask) -> float | None:
    """Return the period of a table's frames along it, pixels; None where there is none."""
    profile = _profile(image, mask, 0)
    length = len(profile)
    power = np.fft.irfft(np.abs(np.fft.rfft(profile, 2 * length)) ** 2)[:length] / np.arange(length, 0, -1)
    peaks = [lag for lag in range(11, min(length // 2, 120)) if power[lag] >= power[lag - 1 : lag + 2].max()]
    best = max(peaks, key=lambda lag: power[lag], default=0)
    if not best or power[best] < 0.15 * power[0]:
        return None
    # The first of a comb's teeth is the period.
    return float(next(lag for lag in peaks if power[lag] > 0.75 * power[best]))


def _seams(image: Field, mask: Mask) -> int:
    """Return how many lines of frames run along a table between its edges."""
    profile = _profile(image, mask, 1)[4:-4]
    if len(profile) < 12:
        return 0
    strong = max(0.45 * float(profile.max()), 4 * deviation(profile.astype(np.float32)) if profile.std() > 1 else 1e9)
    return int(np.count_nonzero(np.diff((profile > strong).astype(int)) == 1))


def _profile(image: Field, mask: Mask, axis: int) -> npt.NDArray[np.float64]:
    """Return the mean of what a table shows at each place along it (axis 0) or across it, around zero."""
    weight = mask.sum(axis=axis)
    known = np.flatnonzero(weight > 0.4 * weight.max())
    part = slice(known[0], known[-1] + 1) if len(known) else slice(0, 0)
    profile = (image * mask).sum(axis=axis)[part] / np.maximum(weight[part], 1)
    return np.asarray(profile - profile.mean(), np.float64) if len(profile) else np.zeros(1)


def _colour(light: Field, mask: Mask) -> Iterator[tuple[str, float]]:
    red, green, blue = (float(np.median(light[..., index][mask])) for index in range(3))
    yield "red - green", red - green
    yield "blue - green", blue - green


def _eroded(mask: Mask, pixels: int) -> Mask:
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0)


def tile_features(picture: Picture) -> Iterator[list[float]]:
    """Yield what the classifier is told of each tile: levels and textures of both modalities, whatever they show."""
    tone = picture.visible.astype(np.float32)
    layers = [picture.grey, *(tone[..., index] for index in range(3))]
    blurs = [
        [layer] + [cv2.GaussianBlur(layer, (0, 0), sigma) for sigma in (*BANDS, 2 * BANDS[-1])] for layer in layers
    ]
    for y in range(0, SIZE[1] - TILE + 1, TILE):
        for x in range(0, SIZE[0] - TILE + 1, TILE):
            row: list[float] = []
            for scales in blurs:
                cut = [scale[y : y + TILE, x : x + TILE] for scale in scales]
                row += [float(value) for value in np.percentile(cut[0], [2, 10, 25, 50, 75, 90, 98])]
                row += [float((fine - coarse).std()) for fine, coarse in pairwise(cut)]
            yield row


def separability(pictures: list[Picture]) -> list[float]:
    """Return the area under the curve of a random forest that tells real tiles, tried on either half."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score

    rows = [(row, picture.group == "real", picture.half) for picture in pictures for row in tile_features(picture)]
    features = np.array([row for row, _, _ in rows])
    real, half = np.array([real for _, real, _ in rows]), np.array([half for _, _, half in rows])
    areas = []
    for tried in (0, 1):
        forest = RandomForestClassifier(200, min_samples_leaf=3, class_weight="balanced", random_state=0)
        forest.fit(features[half != tried], real[half != tried])
        scores = forest.predict_proba(features[half == tried])[:, 1]
        areas.append(float(roc_auc_score(real[half == tried], scores)))
    return areas


def measure(pictures: list[Picture]) -> dict[str, dict[str, list[float]]]:
    """Return statistic to group to its values, a picture's or a hot region's each."""
    values: dict[str, dict[str, list[float]]] = {}
    for picture in pictures:
        for row in [statistics(picture), *hot_regions(picture)]:
            for name, value in row.items():
                values.setdefault(name, {}).setdefault(picture.group, []).append(value)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="a folder of registered real pairs")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = [*read_real(arguments.real), *read_simulated(arguments.data)]
    values = measure(pictures)
    sites = sorted({picture.group for picture in pictures} - {"real"})
    short = [site.removeprefix("site") for site in sites]
    print(f"{'statistic':<34}{'real quartiles':>22}{'simulated':>11}  in" + "".join(f"{name:>8}" for name in short))
    table = []
    for name, groups in values.items():
        low, middle, high = (float(value) for value in np.percentile(groups["real"], [25, 50, 75]))
        medians = {site: float(np.median(groups[site])) for site in sites if site in groups}
        simulated = float(np.median([value for site in sites for value in groups.get(site, [])]))
        within = low <= simulated <= high
        listed = "".join(f"{medians[site]:>8.2f}" if site in medians else f"{'-':>8}" for site in sites)
        quartiles = f"{low:.2f} {middle:.2f} {high:.2f}"
        print(f"{name:<34}{quartiles:>22}{simulated:>11.2f}  {'yes' if within else 'no':<3}{listed}", flush=True)
        table.append(
            {"statistic": name, "real": [low, middle, high], "simulated": simulated, "within": within, "sites": medians}
        )
    areas = separability(pictures)
    print(f"real from simulated tiles, area under the curve: {areas[0]:.3f} and {areas[1]:.3f}")
    print(f"statistics within the real quartiles: {sum(bool(row['within']) for row in table)} of {len(table)}")
    if arguments.out:
        write_json(arguments.out, json.loads(json.dumps({"statistics": table, "areas": areas})))


if __name__ == "__main__":
    main()
