"""A trained segmenter, as the stages and the inspection use it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation.birefnet import BiRefNet, Size
from ddlivm.segmentation.efficient_unet import EfficientUNet
from ddlivm.segmentation.images import Field, Image, stretch
from ddlivm.segmentation.network import Network
from ddlivm.segmentation.tiling import tiled
from ddlivm.segmentation.unet import UNet

WEIGHTS = "segmenter.safetensors"
DESCRIPTION = "segmenter.json"

NETWORKS: dict[str, Callable[[Mapping[str, Any]], Network]] = {
    "unet": lambda description: UNet(tuple(description["channels"])),
    "efficient_unet": lambda description: EfficientUNet(
        description["model"], tuple(description["features"]), tuple(description["channels"])
    ),
    "birefnet": lambda description: BiRefNet(
        Size(
            int(description["width"]),
            tuple(description["depths"]),
            tuple(description["heads"]),
            int(description["window"]),
        )
    ),
}
"""What builds a network of each kind from its description."""

LARGEST = 8192
"""Pixels a side that one exposure has at most; what is larger is a mosaic, whose panels are lost in one look."""
OVERLAP = 1 / 8
"""Share of a tile's longer side."""


class Segmenter:
    """Panels in either modality.

    Args:
        network: on the device where it runs.
        input_size: (width, height) of its input.
        largest: pixels of a tile's longer side; a larger image is cut into tiles.
    """

    def __init__(self, network: Network, input_size: tuple[int, int], largest: int = LARGEST) -> None:
        self.network = network.eval()
        self.input_size = input_size
        longer = max(input_size)
        self.tile = (largest * input_size[0] // longer, largest * input_size[1] // longer)
        self.overlap = round(OVERLAP * largest)

    def small_probabilities(self, images: Sequence[Image]) -> npt.NDArray[np.float32]:
        """Return the panel probability of raw images at the network's resolution.

        Args:
            images: infrared (H, W) float32, °C or grey levels, or visible (H, W, 3) uint8 RGB; sizes may differ.

        Returns:
            (n, height, width) float32 in [0, 1] of `input_size`; each stands for the whole raw image.
        """
        inputs = [self.network.normalise(stretch(image, self.input_size)) for image in images]
        batch = torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2)
        device = next(self.network.parameters()).device
        with torch.inference_mode(), precision(device):
            logits = self.network(batch.to(device))[:, 0].float()
        return np.asarray(torch.sigmoid(logits).cpu().numpy(), dtype=np.float32)

    def panel_probability(self, image: Image) -> Field:
        """Return (H, W) float32 in [0, 1] at the raw image's own resolution; a mosaic is looked at tile by tile."""
        return tiled(self._probability, image, self.tile, self.overlap)

    def _probability(self, image: Image) -> Field:
        small = self.small_probabilities([image])[0]
        return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def save(self, folder: Path) -> None:
        """Write the weights and what they belong to."""
        save_file({key: value.contiguous() for key, value in self.network.state_dict().items()}, folder / WEIGHTS)
        write_json(folder / DESCRIPTION, self.network.description | {"input_size": list(self.input_size)})


def load_segmenter(folder: Path) -> Segmenter:
    """Load what the stage `background_removal` wrote, onto the GPU where there is one.

    Raises:
        InputError: a file is missing or damaged, or the weights are of another network.
    """
    description = read_json(folder / DESCRIPTION)
    path = folder / WEIGHTS
    try:
        with torch.device("meta"):  # no memory and no time before the weights are known to fit
            network = NETWORKS[description["kind"]](description)
        width, height = map(int, description["input_size"])
        if min(width, height) < network.multiple or width % network.multiple or height % network.multiple:
            raise ValueError(f"input_size {width}x{height} is no multiple of {network.multiple}")
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = " ".join(repr(error).split())[:160]
        raise InputError(f"{folder / DESCRIPTION}: does not describe a segmenter ({reason}); train it again") from error
    try:
        network.load_state_dict(load_file(path), assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be loaded as this segmenter's weights ({reason}); train it again") from error
    return Segmenter(placed(network), (width, height))


def placed(network: Network) -> Network:
    """Return the network on the GPU where there is one, in the memory format that convolutions are fastest in."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return network.to(device).to(memory_format=torch.channels_last)


def precision(device: torch.device) -> torch.autocast:
    """Return the context for mixed precision: bfloat16 on a GPU that has it, nothing on a CPU, where it is slower."""
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
