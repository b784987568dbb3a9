"""A model's parts of the real classes, with fresh weights: it finds nothing sensible, by the real way."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.calibration import Calibration
from ddlivm.evaluation.selection import Candidate
from ddlivm.files import write_json
from ddlivm.inspection.model import ShippedModel, build_model
from tests.adaptation.flights import source_tiles
from tests.registry.parts import SCORES, Parts, make_parts, settings

CHANNELS = (16, 16, 16, 16)
HEADS = ("fcos-000", "fcos-002", "fcos-004", "mask_rcnn-002", "mask_rcnn-004")


def make_fresh_parts(
    folder: Path,
    working_size: tuple[int, int],
    channels: tuple[int, int, int, int] = CHANNELS,
    segmenter: Path | None = None,
    eager: bool = False,
) -> Parts:
    """Write a fold's parts; the bank's first entry is of one stage.

    Args:
        folder: To write to.
        working_size: Of the working infrared image.
        channels: Of the encoders' maps.
        segmenter: A trained one to take.
        eager: Whether the heads are surer here and there than fresh ones are, which are sure of nothing.
    """
    import torch

    from ddlivm.detector import build
    from ddlivm.detector.architecture import Architecture, MaskRcnnSpec, ResidualSpec
    from ddlivm.detector.weights import save_weights
    from ddlivm.segmentation.segmenter import Segmenter
    from ddlivm.segmentation.unet import UNet

    made = make_parts(folder)
    parts = made.folder
    for part in ("segmenter", "encoders", "bank"):
        shutil.rmtree(parts / part)
        (parts / part).mkdir()
    torch.manual_seed(0)
    if segmenter is None:
        Segmenter(UNet((8, 8, 8, 8)), (160, 128)).save(parts / "segmenter")
    else:
        shutil.copytree(segmenter, parts / "segmenter", dirs_exist_ok=True)
    spec = ResidualSpec(channels, (1, 1, 1, 1))
    architecture = Architecture(working_size, spec, spec, 32, 2, 1)
    infrared, visible = build.encoders(architecture)
    save_weights(parts / "encoders" / "encoders.safetensors", {"infrared": infrared, "visible": visible})
    architecture.save(parts / "encoders")
    source_tiles().save(parts / "encoders")
    banked = architecture.with_mask_rcnn(MaskRcnnSpec((4.0,), 50, (64, 32), 64))
    entries: dict[str, dict[str, object]] = {}
    entry: Any
    for epoch, heads in (("000", ["fcos"]), ("002", ["fcos", "mask_rcnn"]), ("004", ["fcos", "mask_rcnn"])):
        entry = build.bank_entry(banked) if "mask_rcnn" in heads else build.joint_head(banked)
        if eager:
            torch.nn.init.normal_(entry.bbox_head.conv_cls.weight, std=0.3)
            torch.nn.init.constant_(entry.bbox_head.conv_cls.bias, -2.0)
            if "mask_rcnn" in heads:
                torch.nn.init.normal_(entry.roi_head.bbox_head.fc_cls.weight, std=0.3)
        save_weights(parts / "bank" / f"entry_{epoch}.safetensors", {"": entry})
        entries[epoch] = {"file": f"entry_{epoch}.safetensors", "heads": heads}
    save_weights(parts / "bank" / "infrared_only.safetensors", {"": build.infrared_head(banked, 10)})
    banked.save(parts / "bank")
    write_json(parts / "bank" / "bank.json", {"entries": entries})
    scores = replace(
        SCORES,
        candidates=tuple(Candidate(head, 0.8, (0.7, 0.9), 10, True) for head in HEADS),
        calibrations=dict.fromkeys((*HEADS, *SCORES.references), Calibration(0.3)),
    )
    write_json(parts / "selection" / "selection.json", asdict(scores))
    return made


def make_fresh_model(
    folder: Path,
    working_size: tuple[int, int],
    channels: tuple[int, int, int, int] = CHANNELS,
    segmenter: Path | None = None,
) -> ShippedModel:
    """Write a model; with `segmenter`, take that trained one."""
    parts = make_fresh_parts(folder / "parts", working_size, channels, segmenter).folder
    series = [parts / "series" / site for site in ("site1", "site2", "site3")]
    (folder / "model").mkdir()
    return build_model(
        parts / "segmenter",
        parts / "encoders",
        parts / "bank",
        series,
        parts / "selection",
        settings(),
        folder / "model",
    )


def rough_panels(image: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return roughly where panels are: warm in infrared, blue in visible light."""
    if image.ndim == 2:
        grey = cv2.GaussianBlur(image.astype(np.uint8), (0, 0), 2)
    else:
        wide = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 3)
        grey = np.clip(128 + wide[..., 2] - wide[..., 1], 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    return np.asarray(cv2.resize(mask, (320, 256)), dtype=np.float32)
