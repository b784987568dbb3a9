"""The one module that imports mmdet, behind the operator bridge: its necks and heads, and the structures they take."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ddlivm.data.outlines import Outline
from ddlivm.detector import processes
from ddlivm.detector.operators import install

install()

# Registering the classes is all these imports are for; they must follow the bridge.
from mmdet.models.dense_heads import fcos_head, rpn_head  # noqa: E402, F401
from mmdet.models.necks import fpn  # noqa: E402, F401
from mmdet.models.roi_heads import standard_roi_head  # noqa: E402, F401
from mmdet.models.roi_heads.mask_heads import fcn_mask_head  # noqa: E402, F401
from mmdet.registry import MODELS  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmdet.structures.mask import PolygonMasks  # noqa: E402
from mmengine.config import ConfigDict  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

# FCOS divides by the processes' mean number of positive points, but by one at least: the more processes share a batch
# with few, the less it would weigh. Their sum, which `OneStage` makes up for, is the same for any number of processes.
fcos_head.reduce_mean = processes.total

# It would print every parameter's initialisation.
MMLogger.get_current_instance().setLevel("WARNING")

Config = dict[str, Any]


def build(config: Config) -> Any:
    """Build a neck or head of mmdet's registry from its configuration, with its own initialisation.

    Returns:
        A torch module; untyped, as what its methods take and give is mmdet's.
    """
    module = MODELS.build(ConfigDict(config))
    module.init_weights()
    return module


def settings(config: Config) -> Any:
    """Return a configuration as the object that mmdet's heads take for training and testing."""
    return ConfigDict(config)


def metas(count: int, size: tuple[int, int]) -> list[Config]:
    """Return `count` equal image descriptions; `size` is (width, height) pixels."""
    shape = (size[1], size[0])
    return [{"img_shape": shape, "pad_shape": shape, "ori_shape": shape, "scale_factor": (1.0, 1.0)}] * count


def instances(boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> list[Any]:
    """Return one instance structure an image from (n, 4) xyxy float boxes and (n,) int64 labels."""
    return [InstanceData(bboxes=box, labels=label) for box, label in zip(boxes, labels, strict=True)]


def with_masks(truth: Sequence[Any], outlines: Sequence[Sequence[Outline]], size: tuple[int, int]) -> list[Any]:
    """Return `instances`' structures with one polygon a box, which losses rasterise at their own resolution.

    Args:
        truth: one structure an image.
        outlines: per image, parallel to its boxes and in their frame.
        size: (width, height) of every image, pixels.
    """
    width, height = size
    masks = [PolygonMasks([[points.ravel()] for points in each], height, width) for each in outlines]
    return [
        InstanceData(bboxes=instance.bboxes, labels=instance.labels, masks=mask)
        for instance, mask in zip(truth, masks, strict=True)
    ]


def samples(truth: Sequence[Any], size: tuple[int, int]) -> list[Any]:
    """Return one data sample an image around `instances`' structures; `size` is (width, height) pixels."""
    return [
        DetDataSample(gt_instances=instance, metainfo=meta)
        for instance, meta in zip(truth, metas(len(truth), size), strict=True)
    ]
