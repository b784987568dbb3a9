"""mmdet's configuration dictionaries, with the values of reference configurations and ours where levels differ."""

from ddlivm.detector.architecture import CONFIDENCE_FLOOR, MaskRcnnSpec
from ddlivm.detector.encoders import STRIDES
from ddlivm.detector.mmdet import Config

LEVEL_STRIDES = (*STRIDES, 64)
"""Strides behind the neck: the encoders' four, and P6 by max-pooling."""

REGRESS_RANGES = ((-1, 32), (32, 64), (64, 128), (128, 256), (256, 100_000_000))
"""FCOS' ranges halved, as its first level is stride 4 instead of 8."""

OVERLAP = {"fcos": 0.4, "rpn": 0.7, "mask_rcnn": 0.4}
"""IoU of non-maximum suppression: of two boxes that would match one defect (4.1.4), the better stays."""

MAXIMUM_DETECTIONS = 100
"""Per picture."""

MASK_BINS = 14
"""Features on each side of a proposal that the mask branch sees."""


def neck(inputs: tuple[int, ...], channels: int) -> Config:
    """Return an FPN over the four levels; a fifth comes from max-pooling the fourth."""
    return {"type": "FPN", "in_channels": list(inputs), "out_channels": channels, "start_level": 0, "num_outs": 5}


def fcos(classes: int, channels: int, stacked: int) -> Config:
    """Return an FCOS head with its authors' later improvements: centre sampling, GIoU, centerness beside the boxes."""
    return {
        "type": "FCOSHead",
        "num_classes": classes,
        "in_channels": channels,
        "feat_channels": channels,
        "stacked_convs": stacked,
        "strides": list(LEVEL_STRIDES),
        "regress_ranges": REGRESS_RANGES,
        "center_sampling": True,
        "norm_on_bbox": True,
        "centerness_on_reg": True,
        "norm_cfg": {"type": "GN", "num_groups": groups(channels), "requires_grad": True},
        "init_cfg": _INITIALISATION,
        "loss_cls": {"type": "FocalLoss", "use_sigmoid": True, "gamma": 2.0, "alpha": 0.25, "loss_weight": 1.0},
        "loss_bbox": {"type": "GIoULoss", "loss_weight": 1.0},
        "loss_centerness": {"type": "CrossEntropyLoss", "use_sigmoid": True, "loss_weight": 1.0},
        "test_cfg": {
            "nms_pre": 1000,
            "score_thr": CONFIDENCE_FLOOR,
            "nms": {"type": "nms", "iou_threshold": OVERLAP["fcos"]},
            "max_per_img": MAXIMUM_DETECTIONS,
        },
    }


_INITIALISATION = {
    "type": "Kaiming",
    "layer": "Conv2d",
    "override": [
        {"type": "Normal", "name": "conv_cls", "std": 0.01, "bias_prob": 0.01},
        {"type": "Normal", "name": "conv_reg", "std": 0.01},
        {"type": "Normal", "name": "conv_centerness", "std": 0.01},
    ],
}
"""The default's deviation of 0.01 everywhere is for plain gradient descent: AdamW's first steps are as long as that."""


def groups(channels: int) -> int:
    """Return how many groups GroupNorm splits channels into: 32 as FCOS, of at least 8 channels each."""
    return max(count for count in (1, 2, 4, 8, 16, 32) if channels % count == 0 and channels // count >= 8)


def proposals(spec: MaskRcnnSpec) -> Config:
    """Return how many proposals the first stage hands on, and after which suppression."""
    return {
        "nms_pre": spec.proposals * 2,
        "max_per_img": spec.proposals,
        "nms": {"type": "nms", "iou_threshold": OVERLAP["rpn"]},
        "min_bbox_size": 0,
    }


def rpn(channels: int, spec: MaskRcnnSpec) -> Config:
    """Return Mask R-CNN's first stage."""
    return {
        "type": "RPNHead",
        "in_channels": channels,
        "feat_channels": channels,
        "anchor_generator": {
            "type": "AnchorGenerator",
            "scales": list(spec.anchor_scales),
            "ratios": [0.5, 1.0, 2.0],
            "strides": list(LEVEL_STRIDES),
        },
        "bbox_coder": {
            "type": "DeltaXYWHBBoxCoder",
            "target_means": [0.0, 0.0, 0.0, 0.0],
            "target_stds": [1.0, 1.0, 1.0, 1.0],
        },
        "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": True, "loss_weight": 1.0},
        "loss_bbox": {"type": "L1Loss", "loss_weight": 1.0},
        "train_cfg": {
            "assigner": {
                "type": "MaxIoUAssigner",
                "pos_iou_thr": 0.7,
                "neg_iou_thr": 0.3,
                "min_pos_iou": 0.3,
                "match_low_quality": True,
                "ignore_iof_thr": -1,
            },
            "sampler": {
                "type": "RandomSampler",
                "num": spec.samples[0],
                "pos_fraction": 0.5,
                "neg_pos_ub": -1,
                "add_gt_as_proposals": False,
            },
            "allowed_border": -1,
            "pos_weight": -1,
            "debug": False,
        },
        "test_cfg": proposals(spec),
    }


def roi_extractor(channels: int, bins: int) -> Config:
    """Return what cuts `bins` x `bins` features of a proposal out of the level that fits its size."""
    return {
        "type": "SingleRoIExtractor",
        "roi_layer": {"type": "RoIAlign", "output_size": bins, "sampling_ratio": 0},
        "out_channels": channels,
        "featmap_strides": list(STRIDES),
        # Half of the default, as working images are half as large as the pictures that it was chosen for.
        "finest_scale": 28,
    }


def mask_branch(classes: int, channels: int) -> Config:
    """Return Mask R-CNN's mask branch: a mask for each class, of twice `MASK_BINS` a side."""
    return {
        "mask_roi_extractor": roi_extractor(channels, MASK_BINS),
        "mask_head": {
            "type": "FCNMaskHead",
            "num_convs": 4,
            "in_channels": channels,
            "conv_out_channels": channels,
            "num_classes": classes,
            "upsample_cfg": {"type": "deconv", "scale_factor": 2},
            "loss_mask": {"type": "CrossEntropyLoss", "use_mask": True, "loss_weight": 1.0},
        },
    }


def second_stage(classes: int, channels: int, spec: MaskRcnnSpec) -> Config:
    """Return Mask R-CNN's second stage: the box branches, and the mask branch where it is asked for."""
    return {
        "type": "StandardRoIHead",
        **(mask_branch(classes, channels) if spec.masks else {}),
        "bbox_roi_extractor": roi_extractor(channels, 7),
        "bbox_head": {
            "type": "Shared2FCBBoxHead",
            "in_channels": channels,
            "fc_out_channels": spec.channels,
            "roi_feat_size": 7,
            "num_classes": classes,
            "bbox_coder": {
                "type": "DeltaXYWHBBoxCoder",
                "target_means": [0.0, 0.0, 0.0, 0.0],
                "target_stds": [0.1, 0.1, 0.2, 0.2],
            },
            "reg_class_agnostic": False,
            "loss_cls": {"type": "CrossEntropyLoss", "use_sigmoid": False, "loss_weight": 1.0},
            "loss_bbox": {"type": "L1Loss", "loss_weight": 1.0},
        },
        "train_cfg": {
            "assigner": {
                "type": "MaxIoUAssigner",
                "pos_iou_thr": 0.5,
                "neg_iou_thr": 0.5,
                "min_pos_iou": 0.5,
                "match_low_quality": True,
                "ignore_iof_thr": -1,
            },
            "sampler": {
                "type": "RandomSampler",
                "num": spec.samples[1],
                "pos_fraction": 0.25,
                "neg_pos_ub": -1,
                "add_gt_as_proposals": True,
            },
            "pos_weight": -1,
            "mask_size": 2 * MASK_BINS,
            "debug": False,
        },
        "test_cfg": {
            "score_thr": CONFIDENCE_FLOOR,
            "nms": {"type": "nms", "iou_threshold": OVERLAP["mask_rcnn"]},
            "max_per_img": MAXIMUM_DETECTIONS,
            "mask_thr_binary": 0.5,
        },
    }
