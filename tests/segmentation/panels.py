"""A tiny data set of drawn panels, with their outlines, for training a segmenter in seconds."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import yaml

from ddlivm.data import load_taxonomy
from ddlivm.files import write_json
from ddlivm.parameters import BackgroundRemoval

SITES = ("site1", "site2", "site3")
INFRARED, VISIBLE = (96, 80), (160, 128)


def write_panels(folder: Path, pairs: int = 6) -> Path:
    """Write sites of `pairs` pairs: warm dark-blue rows on cool grassy ground."""
    rng = np.random.default_rng(5)
    names = load_taxonomy().names
    for site in SITES:
        for modality in ("infrared", "visible"):
            (folder / site / modality).mkdir(parents=True)
        images, panels = [], []
        for index in range(1, pairs + 1):
            width, height = INFRARED
            celsius = rng.normal(20, 0.5, (height, width))
            colours = rng.normal((90, 130, 80), 6, (VISIBLE[1], VISIBLE[0], 3))
            outlines: dict[str, list[list[float]]] = {"infrared": [], "visible": []}
            for top in (int(rng.integers(4, 14)), int(rng.integers(42, 52))):
                x0, y0 = int(rng.integers(0, 20)), top
                x1, y1 = int(rng.integers(70, width)), top + int(rng.integers(16, 24))
                celsius[y0:y1, x0:x1] += 12
                celsius[y0:y1, x0:x1:6] -= 8  # module frames, which ground has not
                outlines["infrared"].append([x0, y0, x1, y0, x1, y1, x0, y1])
                x0, x1, y0, y1 = (round(side * 1.6) for side in (x0, x1, y0, y1))
                colours[y0:y1, x0:x1] = rng.normal((30, 45, 90), 4, (y1 - y0, x1 - x0, 3))
                colours[y0:y1, x0:x1:10] = 210
                outlines["visible"].append([x0, y0, x1, y0, x1, y1, x0, y1])
            files = {"file_name": f"infrared/p{index}.png", "visible": f"visible/p{index}.png"}
            images.append({"id": index, "width": width, "height": height} | files)
            panels += [{"image_id": index, "modality": name, "polygons": each} for name, each in outlines.items()]
            cv2.imwrite(str(folder / site / f"infrared/p{index}.png"), ((celsius + 273.15) * 100).astype(np.uint16))
            cv2.imwrite(str(folder / site / f"visible/p{index}.png"), colours.clip(0, 255).astype(np.uint8)[..., ::-1])
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(names)]
        content = {"images": images, "categories": categories, "annotations": [], "panels": panels}
        write_json(folder / site / "annotations.json", content)
    scale = {"gain": 0.01, "offset": -273.15}
    entries = [{"id": site, "name": site, "station": site, "temperature_scale": scale} for site in SITES]
    (folder / "sites.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    return folder


UNET = {"kind": "unet", "channels": (8, 8, 16, 16)}


def tiny_section(epochs: int = 2, segmenter: Mapping[str, object] = UNET) -> BackgroundRemoval:
    """Return the stage's section at a size that a test can afford."""
    content = {
        "segmenter": segmenter,
        "input_size": (64, 64),
        "loss_weights": "paper",
        "epochs": epochs,
        "batch_size": 2,
        "images_at_once": 2,
        "learning_rate": 5e-3,
        "validation_share": 0.2,
        "threads": 1,
        "seed": 0,
    }
    return BackgroundRemoval.model_validate(content)
