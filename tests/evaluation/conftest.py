"""A tiny data set, and what the stages before evaluation would write for it, made up from its labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from safetensors.numpy import save_file

from ddlivm.data import DataSet, Detections, PairAlignment, SiteAlignments, Transform, load_taxonomy
from ddlivm.evaluation.stage import evaluate_fold
from ddlivm.files import write_json
from ddlivm.parameters import CrossDomainEvaluation

SIZE = (320, 256)
TRANSFORM = Transform(1.5, 40.0, 30.0)
VISIBLE_SIZE = (520, 400)
PARAMETERS = CrossDomainEvaluation(iou_threshold=0.4, matched_recall=0.5)
HEADS = ("fcos-001", "fcos-002", "mask_rcnn-001", "mask_rcnn-002")
QUALITY = {"fcos-001": 0.7, "fcos-002": 0.8, "mask_rcnn-001": 0.5, "mask_rcnn-002": 0.6}
REFERENCES = {"untrained": 0.02, "infrared_only": 0.4}
THRESHOLDS = dict(zip((*HEADS, *REFERENCES), (0.4, 0.3, 0.25, 0.35, 0.27, 0.2), strict=True))


@dataclass(frozen=True)
class World:
    """The folders that evaluation reads."""

    data: Path
    transforms: Path
    segmenter: Path
    encoders: Path
    bank: Path
    series: list[Path]
    selections: dict[str, Path]

    def evaluate(self, fold: str, out: Path, gate_sites: tuple[str, ...] = ("site2",)) -> Path:
        out.mkdir(parents=True)
        evaluate_fold(
            self.data,
            self.transforms,
            self.segmenter,
            self.encoders,
            self.bank,
            self.series,
            self.selections[fold],
            fold,
            gate_sites,
            PARAMETERS,
            out,
        )
        return out


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def make_world(folder: Path, sites: tuple[str, ...] = ("site1", "site2", "site3"), pairs: int = 4) -> World:
    data = make_data(folder / "data", sites, pairs)
    made = World(
        data=data,
        transforms=folder / "transforms",
        segmenter=folder / "segmenter",
        encoders=folder / "encoders",
        bank=folder / "bank",
        series=[make_series(data, site, folder / "series" / site) for site in sites],
        selections={
            fold: make_selection(data, fold, target, folder / "selection" / fold)
            for fold, target in ((sites[0], sites[0]), (sites[2], sites[2]), ("all", "site2"))
        },
    )
    make_transforms(data, made.transforms)
    decay = [1.6 * 0.75**epoch for epoch in range(8)]
    for stage, rows in (
        (made.segmenter, [{"epoch": index + 1, "bce": loss, "iou": loss / 2} for index, loss in enumerate(decay[:4])]),
        (
            made.encoders,
            [
                {"epoch": index + 1, "step1": loss, "step2": loss * 1.1, "step3": loss * 0.9}
                for index, loss in enumerate(decay)
            ],
        ),
        (
            made.bank,
            [{"epoch": index + 1, "fcos": loss, "mask_rcnn": loss + 0.3} for index, loss in enumerate(decay[4:])],
        ),
    ):
        stage.mkdir()
        write_json(stage / "history.json", rows)
    return made


def make_data(folder: Path, sites: tuple[str, ...], pairs: int) -> Path:
    folder.mkdir(parents=True)
    names = load_taxonomy().names
    entries = [
        {
            "id": site,
            "name": f"#{site[-1]}",
            "station": site,
            "simulated": True,
            "temperature_scale": {"gain": 0.01, "offset": -273.15},
        }
        for site in sites
    ]
    write_json(folder / "sites.yaml", entries)  # JSON is YAML
    for number, site in enumerate(sites):
        rng = np.random.default_rng(number)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for image in range(pairs):
            name = f"{image:04d}"
            boxes, kinds = _defects(rng)
            _write_images(folder / site, name, boxes, kinds, rng)
            files = {"file_name": f"infrared/{name}.png", "visible": f"visible/{name}.jpg"}
            images.append({"id": image + 1, **files, "width": SIZE[0], "height": SIZE[1]})
            for (x0, y0, x1, y1), kind in zip(boxes.tolist(), kinds.tolist(), strict=True):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image + 1,
                        "category_id": kind + 1,
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "area": (x1 - x0) * (y1 - y0),
                        "iscrowd": 0,
                    }
                )
        categories = [{"id": index + 1, "name": kind} for index, kind in enumerate(names)]
        content = {"info": {}, "images": images, "categories": categories, "annotations": annotations, "panels": []}
        write_json(folder / site / "annotations.json", content)
    return folder


def make_selection(data: Path, fold: str, target: str, folder: Path) -> Path:
    site = DataSet.load(data).site(target)
    for head, quality in (QUALITY | REFERENCES).items():
        rng = np.random.default_rng(sum(map(ord, head + target)))
        results = []
        for labels in site.labels.values():
            results += noisy(labels.defects, quality, rng).to_coco(labels.image_id)
        (folder / "detections" / target).mkdir(parents=True, exist_ok=True)
        write_json(folder / "detections" / target / f"{head}.json", results)
    candidates = [
        {"head": head, "score": QUALITY[head] - 0.1, "spread": [0.3, 0.8], "detections": 20, "eligible": True}
        for head in HEADS
    ]
    content = {
        "fold": fold,
        "targets": [target],
        "chosen": "fcos-002",
        "default": "fcos-002",
        "tie": False,
        "candidates": candidates,
        "last_fcos": "fcos-002",
        "last_mask_rcnn": "mask_rcnn-002",
        "references": list(REFERENCES),
        "calibrations": {head: {"threshold": threshold} for head, threshold in THRESHOLDS.items()},
        "set_aside": ["site9"],
        "minimum_score": 0.05,
        "transductive": True,
    }
    write_json(folder / "selection.json", content)
    return folder


def make_transforms(data: Path, folder: Path) -> None:
    dataset = DataSet.load(data)
    folder.mkdir()
    pairs = {
        pair.key: PairAlignment(TRANSFORM, 0.5 + 0.1 * index)
        for site in dataset.sites.values()
        for index, pair in enumerate(site.pairs)
    }
    sites = {site: PairAlignment(TRANSFORM, 0.9) for site in dataset.sites}
    SiteAlignments(sites, pairs).save(folder / "transforms.json")


def make_series(data: Path, site: str, folder: Path) -> Path:
    """Write the diffusion of each pair's first defect, in the format that the augmentation stage documents."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    defects: list[dict[str, Any]] = []
    changes: list[np.ndarray] = []
    for name, labels in DataSet.load(data).site(site).labels.items():
        x0, y0, x1, y1 = (int(value) for value in labels.defects.boxes[0])
        bump = np.outer(np.hanning(y1 - y0), np.hanning(x1 - x0))
        start = sum(part.size for part in changes)
        row = {"pair": name, "draw": 0, "diffusivity": 0.2, "box": [x0, y0, x1, y1], "start": start}
        rows.append(row | {"annotations": [int(labels.ids[0])]})
        defects.append({"annotation": int(labels.ids[0]), "kind": int(labels.defects.classes[0])})
        changes += [(bump * 400 * step).astype(np.int16).ravel() for step in range(1, 6)]
    write_json(folder / "series.json", {"site": site, "iterations": 5, "step": 0.01, "patches": rows})
    write_json(folder / "defects.json", {"step": 0.01, "defects": defects})
    save_file({"changes": np.concatenate(changes)}, folder / "series.safetensors")
    return folder


def noisy(truth: Detections, quality: float, rng: np.random.Generator) -> Detections:
    """Return the labels as a detector of some quality would: a part missed, mistaken, moved, and some from nowhere."""
    kept = truth[rng.random(len(truth)) < quality]
    move = rng.normal(0, 0.12 * (1.2 - quality), kept.boxes.shape) * np.tile(kept.boxes[:, 2:] - kept.boxes[:, :2], 2)
    wrong = rng.random(len(kept)) > quality + 0.15
    classes = np.where(wrong, rng.integers(0, 10, len(kept)), kept.classes)
    scores = np.clip(rng.normal(0.3 + 0.5 * quality, 0.15, len(kept)), 0.06, 0.99)
    false = rng.poisson(2)
    corners = rng.uniform((0, 0), (SIZE[0] - 40, SIZE[1] - 40), (false, 2))
    false_boxes = np.concatenate([corners, corners + rng.uniform(8, 40, (false, 2))], axis=1)
    return Detections.of(
        np.concatenate([kept.boxes + move, false_boxes]),
        np.concatenate([scores, rng.uniform(0.05, 0.5, false)]),
        np.concatenate([classes, rng.integers(0, 10, false)]),
    )


def _defects(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    count = int(rng.integers(3, 8))
    corners = rng.uniform((10, 10), (SIZE[0] - 80, SIZE[1] - 60), (count, 2)).round()
    sides = rng.uniform((8, 8), (60, 40), (count, 2)).round()
    return np.concatenate([corners, corners + sides], axis=1), rng.integers(0, 10, count)


def _write_images(folder: Path, name: str, boxes: np.ndarray, kinds: np.ndarray, rng: np.random.Generator) -> None:
    """Draw panels that both cameras see, and defects as warm boxes; the visible image shows the external ones."""
    celsius = np.full((SIZE[1], SIZE[0]), 25.0)
    visible = np.full((VISIBLE_SIZE[1], VISIBLE_SIZE[0], 3), (70, 110, 90), dtype=np.uint8)
    for x in range(20, SIZE[0] - 60, 70):
        for y in range(15, SIZE[1] - 40, 60):
            celsius[y : y + 52, x : x + 62] = 42.0
            corners = TRANSFORM.to_visible([(x, y), (x + 62, y + 52)]).round().astype(int)
            cv2.rectangle(visible, corners[0].tolist(), corners[1].tolist(), (40, 50, 110), -1)
    for (x0, y0, x1, y1), kind in zip(boxes.astype(int).tolist(), kinds.tolist(), strict=True):
        celsius[y0:y1, x0:x1] += 12.0
        if load_taxonomy().types[kind].external:
            corners = TRANSFORM.to_visible([(x0, y0), (x1, y1)]).round().astype(int)
            cv2.rectangle(visible, corners[0].tolist(), corners[1].tolist(), (150, 170, 120), -1)
    celsius += rng.normal(0, 0.4, celsius.shape)
    for part, suffix, image in (
        ("infrared", "png", ((celsius + 273.15) / 0.01).astype(np.uint16)),
        ("visible", "jpg", cv2.cvtColor(visible, cv2.COLOR_RGB2BGR)),
    ):
        (folder / part).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / part / f"{name}.{suffix}"), image)
