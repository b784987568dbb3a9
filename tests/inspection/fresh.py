"""A model's parts of the real classes, with fresh weights: it finds nothing sensible, by the real way."""

import shutil
from dataclasses import asdict
from pathlib import Path

from ddlivm.files import write_json
from ddlivm.inspection.model import ShippedModel, build_model
from tests.registry.parts import SCORES, make_parts

CHANNELS = (16, 16, 16, 16)


def make_fresh_model(
    folder: Path,
    working_size: tuple[int, int],
    channels: tuple[int, int, int, int] = CHANNELS,
    segmenter: Path | None = None,
) -> ShippedModel:
    """Write a model; with `segmenter`, take that trained one."""
    import torch

    from ddlivm.detector import build
    from ddlivm.detector.architecture import Architecture, MaskRcnnSpec, ResidualSpec
    from ddlivm.detector.weights import save_weights
    from ddlivm.segmentation.segmenter import Segmenter
    from ddlivm.segmentation.unet import UNet

    parts = make_parts(folder / "parts").folder
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
    banked = architecture.with_mask_rcnn(MaskRcnnSpec((4.0,), 50, (64, 32), 64))
    for epoch in ("002", "004"):
        save_weights(parts / "bank" / f"entry_{epoch}.safetensors", {"": build.bank_entry(banked)})
    save_weights(parts / "bank" / "infrared_only.safetensors", {"": build.infrared_head(banked, 10)})
    banked.save(parts / "bank")
    write_json(
        parts / "bank" / "bank.json", {"entries": {"002": "entry_002.safetensors", "004": "entry_004.safetensors"}}
    )
    write_json(parts / "selection" / "selection.json", asdict(SCORES))
    series = [parts / "series" / site for site in ("site1", "site2", "site3")]
    (folder / "model").mkdir()
    return build_model(
        parts / "segmenter", parts / "encoders", parts / "bank", series, parts / "selection", folder / "model"
    )
