"""Contours by SAM, with the user's checkpoint (3.3): nothing is shipped or downloaded."""

import pickle
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.modeling import Sam

from ddlivm.augmentation.contours import Contour, pixel_box, solid_region
from ddlivm.errors import InputError

MODELS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}
"""The image encoder's width to segment-anything's name of the model."""


class SamContours:
    """SAM prompted with boxes: one embedding an image, all of its boxes in one batch.

    Args:
        model: a SAM; moved nowhere, so the caller chooses the device.
    """

    def __init__(self, model: Sam) -> None:
        self._predictor = SamPredictor(model.eval())

    @classmethod
    def load(cls, checkpoint: Path) -> Self:
        """Read one of the three published checkpoints (ViT-B, ViT-L or ViT-H).

        Raises:
            InputError: the file is missing, damaged, or no SAM checkpoint.
        """
        try:
            state = torch.load(checkpoint, map_location="cpu", weights_only=True)
            width = state["image_encoder.patch_embed.proj.weight"].shape[0]
            model = sam_model_registry[MODELS[width]]()
            model.load_state_dict(state)
        except OSError as error:
            raise InputError(f"{checkpoint}: cannot be read ({error.strerror})") from error
        except (KeyError, TypeError, IndexError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{checkpoint}: is no SAM checkpoint (vit_b, vit_l or vit_h expected; {reason})"
            ) from error
        return cls(model.to("cuda" if torch.cuda.is_available() else "cpu"))

    def find(self, values: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> list[Contour]:
        """Return a contour for each of the (n, 4) xyxy pixel boxes of the (H, W) infrared image."""
        if not len(boxes):
            return []
        self._predictor.set_image(grey_picture(values))
        prompts = self._predictor.transform.apply_boxes_torch(torch.as_tensor(boxes), values.shape[:2])
        masks, _, _ = self._predictor.predict_torch(
            None, None, boxes=prompts.to(self._predictor.device), multimask_output=False
        )
        contours = []
        for box, mask in zip(boxes, masks[:, 0].cpu().numpy(), strict=True):
            x0, y0, x1, y1 = pixel_box(box, values.shape)
            contours.append(Contour((x0, y0, x1, y1), solid_region(mask[y0:y1, x0:x1])))
        return contours


def grey_picture(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return an infrared image as the (H, W, 3) uint8 picture that SAM expects, the percentiles 1 to 99.9 stretched."""
    low, high = np.percentile(values, [1, 99.9])
    grey = np.clip((values - low) * (255 / max(float(high - low), 1e-6)), 0, 255)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
