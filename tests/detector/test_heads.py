from pathlib import Path

import numpy as np
import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector.architecture import MaskRcnnSpec
from ddlivm.detector.heads import BankEntry, OneStage, Truth

CHANNELS = (4, 4, 4, 4)
SIZE = (64, 32)
EMPTY = Truth((torch.zeros(0, 4),), (torch.zeros(0, dtype=torch.int64),), ((),), SIZE)


def pyramid(batch=1):
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(batch, 4, SIZE[1] // stride, SIZE[0] // stride, generator=generator) for stride in (4, 8, 16, 32)
    )


@pytest.fixture
def entry():
    torch.manual_seed(0)
    return BankEntry(CHANNELS, 10, 16, 1, MaskRcnnSpec((4.0,), 10, (16, 8), 16))


def test_one_stage_has_five_levels_of_one_width(entry):
    levels = entry.neck(pyramid())
    assert [tuple(level.shape[1:]) for level in levels] == [(16, 8, 16), (16, 4, 8), (16, 2, 4), (16, 1, 2), (16, 1, 1)]
    assert torch.equal(levels[4], levels[3][:, :, :, ::2])


def test_focal_loss_of_an_empty_image_by_hand():
    """With constant logits every point costs (1 - alpha) p^2 * -log(1 - p), summed over points and classes."""
    head = OneStage(CHANNELS, 3, 16, 1)
    torch.nn.init.zeros_(head.bbox_head.conv_cls.weight)
    torch.nn.init.constant_(head.bbox_head.conv_cls.bias, -1.0)
    losses = head.losses(pyramid(), EMPTY)
    probability = 1 / (1 + np.exp(1.0))
    points = 8 * 16 + 4 * 8 + 2 * 4 + 2 + 1
    expected = 0.75 * probability**2 * -np.log(1 - probability) * points * 3
    assert losses["fcos_cls"].item() == pytest.approx(expected, rel=1e-4)
    assert losses["fcos_bbox"].item() == 0
    assert set(losses) == {"fcos_cls", "fcos_bbox", "fcos_centerness"}


def test_fcos_starts_from_the_prior_with_towers_that_an_adaptive_step_does_not_overturn():
    torch.manual_seed(0)
    head = OneStage(CHANNELS, 10, 32, 2).bbox_head
    assert torch.sigmoid(head.conv_cls.bias).detach().numpy() == pytest.approx(0.01)
    for layer in (head.conv_cls, head.conv_reg, head.conv_centerness):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1)
    for tower in (*head.cls_convs, *head.reg_convs):
        # He's deviation for what a 3x3 convolution gives out
        assert tower.conv.weight.std().item() == pytest.approx((2 / (9 * 32)) ** 0.5, rel=0.1)


def test_of_two_boxes_that_would_match_one_defect_the_better_stays():
    from ddlivm.detector.configurations import OVERLAP
    from ddlivm.parameters import load_parameters

    matches = load_parameters(Path("params.yaml")).cross_domain_evaluation.iou_threshold
    assert max(OVERLAP["fcos"], OVERLAP["mask_rcnn"]) <= matches


def test_both_heads_learn_a_box_and_find_it(entry):
    boxes = torch.tensor([[8.0, 8, 28, 24], [40, 4, 60, 24]])
    truth = Truth((boxes,), (torch.tensor([7, 2]),), (box_outlines(boxes.numpy()),), SIZE)
    features = pyramid()
    optimizer = torch.optim.AdamW(entry.parameters(), lr=1e-2)
    for _ in range(50):
        losses = entry.losses(features, truth)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    assert set(losses) == {f"fcos_{part}" for part in ("cls", "bbox", "centerness")} | {
        "rpn_cls",
        "rpn_bbox",
        "roi_cls",
        "roi_bbox",
    }
    entry.eval()
    with torch.no_grad():
        found = {"fcos": entry.detect(features, SIZE, 0.1), "mask": entry.detect_in_two_stages(features, SIZE, 0.1)}
    for (detections,) in found.values():
        assert (np.diff(detections.scores) <= 0).all()
        best = detections[[int(np.flatnonzero(detections.classes == kind)[0]) for kind in (7, 2)]]
        assert np.abs(best.boxes - truth.boxes[0].numpy()).max() < 4


def test_losses_and_detections_without_boxes(entry):
    losses = entry.losses(pyramid(), EMPTY)
    assert all(torch.isfinite(loss) for loss in losses.values())
    entry.eval()
    with torch.no_grad():
        assert [len(found) for found in entry.detect(pyramid(2), SIZE, 1.0)] == [0, 0]
