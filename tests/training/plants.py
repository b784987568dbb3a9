"""A tiny data set for training: three sites, flat panels, hot rectangles that show in both modalities.

Every other label says that its rectangle's upper left half is the defect.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import yaml

from ddlivm.data import PairAlignment, SetAside, SiteAlignments, Transform, load_taxonomy
from ddlivm.parameters import load_parameters
from ddlivm.parameters.encoders import Dinov2Encoder, InfmaeEncoder, ResidualEncoder

SITES = ("site1", "site2", "site3")
NOTHING = SetAside()
SIZE = (128, 96)


def write_plants(folder: Path, pairs: int = 3) -> Path:
    """Write the data set and, in `transforms/`, what aligns it."""
    rng = np.random.default_rng(0)
    names = load_taxonomy().names
    alignment = PairAlignment(Transform(1.75, 0, 0), 1.0)
    alignments = SiteAlignments(sites=dict.fromkeys(SITES, alignment))
    entries = []
    for site in SITES:
        entries.append(
            {"id": site, "name": site, "station": site, "temperature_scale": {"gain": 0.01, "offset": -273.15}}
        )
        images: list[dict[str, object]] = []
        annotations: list[dict[str, object]] = []
        for modality in ("infrared", "visible"):
            (folder / site / modality).mkdir(parents=True)
        for index in range(1, pairs + 1):
            name = f"p{index}"
            temperatures = 30 + rng.normal(0, 0.2, SIZE[::-1])
            colours = rng.integers(90, 120, (SIZE[1] * 7 // 4, SIZE[0] * 7 // 4, 3)).astype(np.uint8)
            for kind in rng.choice(len(names), 2, replace=False):
                x, y = (4 * int(rng.integers(1, side // 4 - 5)) for side in SIZE)
                temperatures[y : y + 12, x : x + 16] += 10
                colours[y * 7 // 4 : (y + 12) * 7 // 4, x * 7 // 4 : (x + 16) * 7 // 4] = (20 * kind, 200, 40)
                place = {"bbox": [x, y, 16, 12], "area": 192, "iscrowd": 0}
                outline = {"segmentation": [[x, y, x + 16, y, x, y + 12]]} if len(annotations) % 2 == 0 else {}
                annotation = {"id": len(annotations) + 1, "image_id": index, "category_id": int(kind) + 1}
                annotations.append(annotation | place | outline)
            files = {"file_name": f"infrared/{name}.png", "visible": f"visible/{name}.jpg"}
            images.append({"id": index, "width": SIZE[0], "height": SIZE[1], **files})
            cv2.imwrite(str(folder / site / f"infrared/{name}.png"), ((temperatures + 273.15) * 100).astype(np.uint16))
            cv2.imwrite(str(folder / site / f"visible/{name}.jpg"), colours)
            alignments.pairs[f"{site}/{name}"] = alignment
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(names)]
        content = {"images": images, "categories": categories, "annotations": annotations}
        (folder / site / "annotations.json").write_text(json.dumps(content))
    (folder / "sites.yaml").write_text(yaml.safe_dump(entries))
    (folder / "transforms").mkdir()
    alignments.save(folder / "transforms" / "transforms.json")
    return folder


def tiny_parameters():
    """Return the two stages' sections at a size that a test can afford."""
    demo = load_parameters(Path(__file__).parents[2] / "params.yaml")
    encoder = ResidualEncoder(kind="residual", channels=(8, 8, 16, 16), depths=(0, 1, 1, 0))
    tiles = demo.dtft_training.tiles.model_copy(update={"size": (96, 64), "per_epoch": 5})
    shared = {"epochs": 2, "batch_size": 2, "tiles": tiles, "threads": 1, "learning_rate": 1e-3}
    settling = {"settling": 0.5, "measured_images": 4, "schedule": "literal"}
    encoders = {"infrared_encoder": encoder, "visible_encoder": encoder, "neck_channels": 16}
    mask_rcnn = demo.head_checkpointing.mask_rcnn.model_copy(update={"proposals": 10, "channels": 16})
    return (
        demo.dtft_training.model_copy(update=shared | encoders | settling | {"working_size": SIZE}),
        demo.head_checkpointing.model_copy(update=shared | {"mask_rcnn": mask_rcnn, "save_every": 1}),
    )


START: dict[str, object] = {
    "weights": None,
    "allowed_differences": [],
    "gradient_checkpointing": True,
    "antialias": False,
}
INFMAE = InfmaeEncoder.model_validate(
    START | {"kind": "infmae", "dims": [4, 6, 8], "depths": [0, 0, 1], "heads": 2, "grid": 2}
)
DINOV2 = Dinov2Encoder.model_validate(
    START
    | {"kind": "dinov2", "dim": 8, "depth": 1, "heads": 2, "registers": 0, "grid": 3}
    | {"position_offset": 0.1, "taps": None, "norm_taps": True, "summed": False, "compact": False}
)


def tiny_transformers():
    """Return the first stage's section with the paper's encoders, tiny; they have no batch normalisation."""
    section, _ = tiny_parameters()
    return section.model_copy(update={"infrared_encoder": INFMAE, "visible_encoder": DINOV2})
