"""Answer mmcv's compiled operators from torchvision, so that mmdet runs without building mmcv."""

import importlib.machinery
import importlib.util
import sys
import types
from typing import NoReturn

import torch
import torchvision
from torch import Tensor

EXTENSION = "mmcv._ext"


def install() -> bool:
    """Put the bridge where mmcv looks for its compiled extension.

    Returns:
        Whether the bridge answers; False when a compiled mmcv is there, which is then left alone.
    """
    if EXTENSION in sys.modules:
        return isinstance(sys.modules[EXTENSION], _Bridge)
    if importlib.util.find_spec(EXTENSION) is not None:
        return False
    sys.modules[EXTENSION] = _Bridge()
    return True


class _Bridge(types.ModuleType):
    """A module that has every operator's name, and runs those that the detector needs."""

    def __init__(self) -> None:
        super().__init__(EXTENSION, __doc__)
        # importlib.util.find_spec, which mmcv asks, refuses a loaded module without a spec.
        self.__spec__ = importlib.machinery.ModuleSpec(EXTENSION, None)
        self.nms = nms
        self.roi_align_forward = roi_align_forward
        self.roi_align_backward = roi_align_backward

    def __getattr__(self, name: str) -> "_Missing":
        if name.startswith("__"):  # import machinery and inspect probe these and expect the plain answer
            raise AttributeError(name)
        return _Missing(name)


class _Missing:
    """An operator that only a compiled mmcv has; mmcv looks them all up when it is imported."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError(f"mmcv operator {self.name!r} needs a compiled mmcv, not mmcv-lite")


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Return the indices of the boxes that non-maximum suppression keeps, by descending score.

    Args:
        boxes: (n, 4) xyxy pixels.
        scores: (n,).
        iou_threshold: boxes that overlap a better one by more are dropped.
        offset: 1 where a box's last pixel counts into its width, else 0.
    """
    # Intersections and areas with the offset are those of boxes whose far corner lies that much further out.
    shifted = boxes + boxes.new_tensor([0, 0, offset, offset]) if offset else boxes
    return torchvision.ops.nms(shifted, scores, iou_threshold)


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `output` (n, C, aligned_height, aligned_width) with RoIAlign of `features` (B, C, H, W).

    Args:
        features: (B, C, H, W).
        rois: (n, 5) batch index, then xyxy pixels of the frame that `spatial_scale` maps to the features'.
        output: where the result goes.
        argmax_y: unused, of max pooling.
        argmax_x: unused, of max pooling.
        aligned_height: bins in y.
        aligned_width: bins in x.
        spatial_scale: feature cells for one pixel.
        sampling_ratio: samples in a bin and direction; 0 adapts.
        pool_mode: 1, average; 0, max, is not answered.
        aligned: shift by half a cell.

    Raises:
        NotImplementedError: max pooling is asked for.
    """
    _require_average(pool_mode)
    output.copy_(
        torch.ops.torchvision.roi_align(
            features, rois, spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned
        )
    )


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `grad_input` (B, C, H, W) with the gradient of `roi_align_forward`, whose arguments these are.

    Raises:
        NotImplementedError: max pooling is asked for.
    """
    _require_average(pool_mode)
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(
            grad_output,
            rois,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    )


def _require_average(pool_mode: int) -> None:
    if pool_mode != 1:
        _Missing("roi_align with max pooling")()
