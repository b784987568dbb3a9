"""A trained segmenter, as the stages and the inspection use it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.segmentation.images import Image, network_input
from ddlivm.segmentation.unet import UNet

WEIGHTS = "segmenter.safetensors"
DESCRIPTION = "segmenter.json"


class Segmenter:
    """Panels in either modality.

    Args:
        network: the U-Net.
        input_size: (width, height) of its input, multiples of 16.
    """

    def __init__(self, network: UNet, input_size: tuple[int, int]) -> None:
        self.network = network.eval()
        self.input_size = input_size

    def small_probabilities(self, images: Sequence[Image]) -> npt.NDArray[np.float32]:
        """Return the panel probability of raw images at the network's resolution.

        Args:
            images: infrared (H, W) float32, °C or grey levels, or visible (H, W, 3) uint8 RGB; sizes may differ.

        Returns:
            (n, height, width) float32 in [0, 1] of `input_size`; each stands for the whole raw image.
        """
        batch = torch.from_numpy(np.stack([network_input(image, self.input_size) for image in images]))
        with torch.inference_mode():
            return np.asarray(torch.sigmoid(self.network(batch))[:, 0].numpy(), dtype=np.float32)

    def panel_probability(self, image: Image) -> npt.NDArray[np.float32]:
        """Return (H, W) float32 in [0, 1] at the raw image's own resolution."""
        small = self.small_probabilities([image])[0]
        return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def save(self, folder: Path, channels: tuple[int, int, int, int]) -> None:
        """Write the weights and what they belong to."""
        save_file({key: value.contiguous() for key, value in self.network.state_dict().items()}, folder / WEIGHTS)
        write_json(
            folder / DESCRIPTION,
            {"architecture": "unet", "channels": list(channels), "input_size": list(self.input_size)},
        )


def load_segmenter(folder: Path) -> Segmenter:
    """Load what the stage `background_removal` wrote.

    Raises:
        InputError: a file is missing or damaged, or the weights are of another network.
    """
    description = read_json(folder / DESCRIPTION)
    path = folder / WEIGHTS
    try:
        network = UNet(tuple(description["channels"]))
        network.load_state_dict(load_file(path))
        width, height = map(int, description["input_size"])
        if min(width, height) < 16 or width % 16 or height % 16:
            raise ValueError(f"input_size {width}x{height} is no multiple of 16")
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / DESCRIPTION}: does not describe a segmenter ({error!r}); train it again"
        ) from error
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be loaded as this segmenter's weights ({reason}); train it again") from error
    return Segmenter(network, (width, height))
