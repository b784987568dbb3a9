"""A neck with its heads: what turns a pyramid into losses or detections."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ddlivm.data.detections import Detections
from ddlivm.data.outlines import Outline
from ddlivm.detector import configurations, mmdet, processes
from ddlivm.detector.architecture import MaskRcnnSpec
from ddlivm.detector.encoders import Pyramid

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Truth:
    """The labels of a batch, one entry an image.

    Attributes:
        boxes: (n, 4) float32 xyxy pixels of the working frame, or of the tile that was cut from it.
        labels: (n,) int64.
        outlines: n polygons in the frame of the boxes; they may leave the image.
        size: (width, height) of every image of the batch, pixels.
    """

    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]
    outlines: tuple[tuple[Outline, ...], ...]
    size: tuple[int, int]

    def relabelled(self, labels: Sequence[int]) -> "Truth":
        """Return the truth with class c turned into `labels[c]`; boxes whose new label is negative are left out."""
        table = torch.tensor(labels, device=self.labels[0].device)
        mapped = [table[label] for label in self.labels]
        kept = [label >= 0 for label in mapped]
        return Truth(
            tuple(box[keep] for box, keep in zip(self.boxes, kept, strict=True)),
            tuple(label[keep] for label, keep in zip(mapped, kept, strict=True)),
            tuple(tuple(compress(each, keep.tolist())) for each, keep in zip(self.outlines, kept, strict=True)),
            self.size,
        )

    def to(self, device: torch.device) -> "Truth":
        """Return the truth with its tensors on a device."""
        boxes, labels = (tuple(tensor.to(device) for tensor in tensors) for tensors in (self.boxes, self.labels))
        return replace(self, boxes=boxes, labels=labels)


class OneStage(nn.Module):
    """FPN and FCOS on a pyramid.

    Args:
        inputs: channels of the pyramid's levels.
        classes: how many classes are told apart.
        channels: behind the neck.
        stacked: convolutions in each branch of the head.
    """

    neck: Any
    bbox_head: Any

    def __init__(self, inputs: tuple[int, ...], classes: int, channels: int, stacked: int) -> None:
        super().__init__()
        self.neck = mmdet.build(configurations.neck(inputs, channels))
        self.bbox_head = mmdet.build(configurations.fcos(classes, channels, stacked))
        self.to(memory_format=torch.channels_last)

    def losses(self, pyramid: Pyramid, truth: Truth) -> Losses:
        """Return FCOS' classification, box and centerness losses, scalars each."""
        return self._fcos_losses(self.neck(pyramid), truth)

    def _fcos_losses(self, levels: Pyramid, truth: Truth) -> Losses:
        outputs = _full(self.bbox_head(levels))
        instances = mmdet.instances(truth.boxes, truth.labels)
        with full_precision(levels[0].device):
            losses = self.bbox_head.loss_by_feat(*outputs, instances, mmdet.metas(len(instances), truth.size))
        # Shares of the whole batch's losses; the mean over the processes, which DDP takes of gradients, is their sum.
        return {f"fcos_{name.removeprefix('loss_')}": loss * processes.count() for name, loss in losses.items()}

    def detect(self, pyramid: Pyramid, size: tuple[int, int], minimum_score: float) -> list[Detections]:
        """Return each image's detections, in pixels of the frame of the (width, height) given, best first."""
        return self._fcos_detections(self.neck(pyramid), size, minimum_score)

    def _fcos_detections(self, levels: Pyramid, size: tuple[int, int], minimum_score: float) -> list[Detections]:
        metas = mmdet.metas(len(levels[0]), size)
        results = self.bbox_head.predict_by_feat(*_full(self.bbox_head(levels)), batch_img_metas=metas)
        return [_to_detections(result, minimum_score) for result in results]


class BankEntry(OneStage):
    """One entry of the bank: a neck that FCOS and Mask R-CNN share (3.3).

    Args:
        inputs: channels of the pyramid's levels.
        classes: how many classes are told apart.
        channels: behind the neck.
        stacked: convolutions in each branch of the FCOS head.
        spec: the two-stage head's sizes.
    """

    rpn_head: Any
    roi_head: Any

    def __init__(self, inputs: tuple[int, ...], classes: int, channels: int, stacked: int, spec: MaskRcnnSpec) -> None:
        super().__init__(inputs, classes, channels, stacked)
        self.rpn_head = mmdet.build(configurations.rpn(channels, spec))
        self.roi_head = mmdet.build(configurations.second_stage(classes, channels, spec))
        self.proposals = mmdet.settings(configurations.proposals(spec))
        # mmdet takes these branches' losses in the same breath as it runs them.
        for branch in (self.roi_head.bbox_head, *([self.roi_head.mask_head] if self.roi_head.with_mask else [])):
            branch.register_forward_hook(lambda _module, _inputs, outputs: _full(outputs))
        self.to(memory_format=torch.channels_last)

    def losses(self, pyramid: Pyramid, truth: Truth) -> Losses:
        """Return the losses of both heads, scalars each; `roi_mask` where there is a mask branch."""
        levels = self.neck(pyramid)
        return self._fcos_losses(levels, truth) | self._mask_rcnn_losses(levels, truth)

    def _mask_rcnn_losses(self, levels: Pyramid, truth: Truth) -> Losses:
        metas = mmdet.metas(len(truth.boxes), truth.size)
        outputs = _full(self.rpn_head(levels))
        objects = mmdet.instances(truth.boxes, [torch.zeros_like(label) for label in truth.labels])
        with full_precision(levels[0].device):
            first = self.rpn_head.loss_by_feat(*outputs, objects, metas)
        detached = [[level.detach() for level in output] for output in outputs]
        proposals = self.rpn_head.predict_by_feat(*detached, batch_img_metas=metas, cfg=self.proposals)
        targets = mmdet.instances(truth.boxes, truth.labels)
        if self.roi_head.with_mask:
            targets = mmdet.with_masks(targets, truth.outlines, truth.size)
        # In fewer bits mmdet would round the proposals too, to whole pixels and worse.
        second = self.roi_head.loss(_full(levels), proposals, mmdet.samples(targets, truth.size))
        losses = {f"rpn_{name.removeprefix('loss_rpn_')}": sum(values) for name, values in first.items()}
        # Beside the losses there is the classification's accuracy; the mask loss is a vector of one.
        return losses | {f"roi_{name[5:]}": second[name].sum() for name in second if name.startswith("loss_")}

    def detect_in_two_stages(self, pyramid: Pyramid, size: tuple[int, int], minimum_score: float) -> list[Detections]:
        """Return Mask R-CNN's boxes, without running its mask branch; else as `detect`."""
        return self._mask_rcnn_detections(self.neck(pyramid), size, minimum_score)

    def _mask_rcnn_detections(self, levels: Pyramid, size: tuple[int, int], minimum_score: float) -> list[Detections]:
        metas = mmdet.metas(len(levels[0]), size)
        outputs = _full(self.rpn_head(levels))
        proposals = self.rpn_head.predict_by_feat(*outputs, batch_img_metas=metas, cfg=self.proposals)
        # `predict` would run the mask branch too.
        results = self.roi_head.predict_bbox(levels, metas, proposals, self.roi_head.test_cfg)
        return [_to_detections(result, minimum_score) for result in results]


def full_precision(device: torch.device) -> torch.autocast:
    """Return a context for losses and distances, in which no operation is cast to fewer bits."""
    return torch.autocast(device.type, enabled=False)


def _full(outputs: Any) -> Any:
    """Return a head's outputs, a tensor or nested sequences of them, in float32."""
    if isinstance(outputs, Tensor):
        return outputs.float()
    return type(outputs)(_full(output) for output in outputs)


def _to_detections(result: Any, minimum_score: float) -> Detections:
    boxes, scores, labels = (values.cpu().numpy() for values in (result.bboxes, result.scores, result.labels))
    order = np.argsort(-scores, kind="stable")
    found = Detections.of(boxes[order], scores[order], labels[order])
    return found[found.scores >= minimum_score]
