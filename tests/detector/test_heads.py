from pathlib import Path

import numpy as np
import pytest
import torch

from ddlivm.data import box_outlines
from ddlivm.detector import mmdet
from ddlivm.detector.architecture import MaskRcnnSpec
from ddlivm.detector.heads import BankEntry, OneStage, Truth

CHANNELS = (4, 4, 4, 4)
SIZE = (64, 32)
EMPTY = Truth((torch.zeros(0, 4),), (torch.zeros(0, dtype=torch.int64),), ((),), SIZE)
BOXES = torch.tensor([[8.0, 8, 28, 24], [40, 4, 60, 24]])
TRIANGLE = np.array([[8, 8], [28, 8], [8, 24]], np.float32)
TRUTH = Truth((BOXES,), (torch.tensor([7, 2]),), ((TRIANGLE, box_outlines(BOXES.numpy())[1]),), SIZE)
"""Of the first box the upper left half is the defect; the second is one whole."""


def pyramid(batch=1):
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(batch, 4, SIZE[1] // stride, SIZE[0] // stride, generator=generator) for stride in (4, 8, 16, 32)
    )


@pytest.fixture
def entry():
    torch.manual_seed(0)
    return BankEntry(CHANNELS, 10, 16, 1, MaskRcnnSpec((4.0,), 10, (16, 8), 16))


@pytest.fixture
def masked():
    torch.manual_seed(0)
    return BankEntry(CHANNELS, 10, 16, 1, MaskRcnnSpec((4.0,), 10, (16, 8), 16, masks=True))


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
    features = pyramid()
    optimizer = torch.optim.AdamW(entry.parameters(), lr=1e-2)
    for _ in range(50):
        losses = entry.losses(features, TRUTH)
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
        assert np.abs(best.boxes - BOXES.numpy()).max() < 4


def test_losses_and_detections_without_boxes(entry):
    losses = entry.losses(pyramid(), EMPTY)
    assert all(torch.isfinite(loss) for loss in losses.values())
    entry.eval()
    with torch.no_grad():
        assert [len(found) for found in entry.detect(pyramid(2), SIZE, 1.0)] == [0, 0]


def test_sizes_of_the_reference_two_stage_head():
    entry = BankEntry(CHANNELS, 10, 256, 1, MaskRcnnSpec((8.0,), 10, (16, 8), 1024, masks=True))
    parts = (entry.rpn_head, entry.roi_head.bbox_head, entry.roi_head.mask_head)
    counts = [sum(parameter.numel() for parameter in part.parameters()) for part in parts]
    assert counts == [593_935, 13_947_955, 2_625_290]
    whole = (entry.rpn_head, entry.roi_head)
    assert sum(parameter.numel() for part in whole for parameter in part.parameters()) == 17_167_180


def test_there_is_no_mask_branch_that_was_not_asked_for(entry, masked):
    assert not entry.roi_head.with_mask
    assert set(masked.state_dict()) - set(entry.state_dict()) == {
        f"roi_head.mask_head.{part}.{kind}"
        for part in (*(f"convs.{index}.conv" for index in range(4)), "upsample", "conv_logits")
        for kind in ("weight", "bias")
    }


def test_an_outline_is_rasterised_in_the_box_that_is_trained():
    (instance,) = mmdet.with_masks(mmdet.instances(TRUTH.boxes, TRUTH.labels), TRUTH.outlines, SIZE)
    half, whole = instance.masks.crop_and_resize(BOXES.numpy(), (28, 28), np.array([0, 1])).to_ndarray()
    rows, columns = np.mgrid[:28, :28] + 0.5
    assert np.array_equal(half[abs(rows + columns - 28) > 1], (rows + columns < 28)[abs(rows + columns - 28) > 1])
    assert whole.all()


def test_the_mask_branch_learns_an_outline(masked):
    features = pyramid()
    optimizer = torch.optim.AdamW(masked.parameters(), lr=1e-2)
    history = []
    for _ in range(50):
        losses = masked.losses(features, TRUTH)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        history.append(losses["roi_mask"].item())
    assert np.isfinite(history).all()
    assert history[-1] < 0.5 * history[0]
    masked.eval()
    with torch.no_grad():
        levels = masked.neck(features)
        rois = torch.cat([torch.zeros(2, 1), BOXES], dim=1)
        masks = masked.roi_head.mask_head(masked.roi_head.mask_roi_extractor(levels[:4], rois)) > 0
    rows, columns = np.mgrid[:28, :28] + 0.5
    agrees = masks[0, 7].numpy() == (rows + columns < 28)
    assert agrees.mean() > 0.9
    assert masks[1, 2].float().mean() > 0.95


def test_mask_losses_without_boxes(masked):
    losses = masked.losses(pyramid(), EMPTY)
    assert losses["roi_mask"].item() == 0
    torch.stack(list(losses.values())).sum().backward()
    one_of_two = Truth(
        (TRUTH.boxes[0], EMPTY.boxes[0]), (TRUTH.labels[0], EMPTY.labels[0]), (TRUTH.outlines[0], ()), SIZE
    )
    assert all(torch.isfinite(loss) for loss in masked.losses(pyramid(2), one_of_two).values())


def test_detection_is_the_box_branches_alone(entry, masked, monkeypatch):
    masked.load_state_dict(entry.state_dict(), strict=False)
    monkeypatch.setattr(masked.roi_head.mask_head, "forward", None)
    for part in (entry, masked):
        part.eval()
    with torch.no_grad():
        (plain,), (found,) = (part.detect_in_two_stages(pyramid(), SIZE, 0.0) for part in (entry, masked))
    assert len(plain) > 0
    assert np.array_equal(plain.boxes, found.boxes)
    assert np.array_equal(plain.scores, found.scores)


def test_relabelling_leaves_out_outlines_with_their_boxes():
    kept = TRUTH.relabelled([-1 if kind == 7 else kind for kind in range(10)])
    assert kept.labels[0].tolist() == [2]
    assert [points.tolist() for points in kept.outlines[0]] == [TRUTH.outlines[0][1].tolist()]
