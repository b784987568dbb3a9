import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.detector import operators


def suppress(boxes, scores, threshold, offset):
    """Greedy suppression, box by box."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        x0, y0, x1, y1 = boxes[index]
        overlaps = False
        for other in kept:
            a0, b0, a1, b1 = boxes[other]
            width = max(0.0, min(x1, a1) - max(x0, a0) + offset)
            height = max(0.0, min(y1, b1) - max(y0, b0) + offset)
            area = (x1 - x0 + offset) * (y1 - y0 + offset) + (a1 - a0 + offset) * (b1 - b0 + offset)
            overlaps |= width * height / (area - width * height) > threshold
        if not overlaps:
            kept.append(int(index))
    return kept


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([0, 1]))
def test_suppression_is_greedy(seed, count, offset):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 20, (count, 2))
    boxes = np.hstack([corners, corners + rng.integers(1, 15, (count, 2))]).astype(np.float32)
    scores = rng.permutation(count).astype(np.float32)
    kept = operators.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.503, offset)
    assert kept.tolist() == suppress(boxes, scores, 0.503, offset)


def align(features, rois, bins):
    output = features.new_zeros(len(rois), features.shape[1], bins, bins)
    none = features.new_zeros(0)
    operators.roi_align_forward(features, rois, output, none, none, bins, bins, 0.5, 2, 1, True)
    return output


def test_roi_align_of_a_plane_is_the_plane_at_the_bins_centres():
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    features = (3 * columns + 7 * rows)[None, None]
    rois = torch.tensor([[0.0, 8, 12, 24, 28]])
    output = align(features, rois, 2)[0, 0]
    # In cells the box is x 4..12, y 6..14; a bin's centre at x is cell x - 0.5.
    expected = [[3 * (x - 0.5) + 7 * (y - 0.5) for x in (6, 10)] for y in (8, 12)]
    assert torch.allclose(output, torch.tensor(expected), atol=1e-4)


def test_roi_align_backward_is_the_transpose_of_forward():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 9, 11, generator=generator)
    rois = torch.tensor([[0.0, 2, 3, 15, 12], [1, 0, 0, 7, 17], [1, 5, 5, 6, 6]])
    grad = torch.randn(3, 3, 2, 2, generator=generator)
    back = torch.zeros_like(features)
    none = features.new_zeros(0)
    operators.roi_align_backward(grad, rois, none, none, back, 2, 2, 0.5, 2, 1, True)
    assert torch.allclose((align(features, rois, 2) * grad).sum(), (features * back).sum(), rtol=1e-5)


def test_max_pooling_and_other_operators_are_refused_by_name():
    none = torch.zeros(0)
    with pytest.raises(NotImplementedError, match="max pooling"):
        operators.roi_align_forward(torch.zeros(1, 1, 4, 4), torch.zeros(0, 5), none, none, none, 1, 1, 1.0, 2, 0, True)
    bridge = operators._Bridge()
    with pytest.raises(NotImplementedError, match="deform_conv_forward"):
        bridge.deform_conv_forward(1, groups=2)
    with pytest.raises(AttributeError):
        bridge.__path__  # noqa: B018


def test_mmcv_runs_on_the_bridge():
    operators.install()
    from mmcv.ops import batched_nms, roi_align

    assert importlib.util.find_spec(operators.EXTENSION) is not None
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10]])
    kept = batched_nms(
        boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 0, 1]), {"type": "nms", "iou_threshold": 0.5}
    )
    assert kept[1].tolist() == [0, 2]
    features = torch.ones(1, 1, 8, 8, requires_grad=True)
    roi_align(features, torch.tensor([[0.0, 1, 1, 5, 5]]), (2, 2), 1.0, 0, "avg", True).sum().backward()
    assert features.grad is not None
    assert features.grad.sum().item() == pytest.approx(4)


def test_bitmaps_are_cropped_and_resized_on_the_bridge():
    operators.install()
    from mmdet.structures.mask import BitmapMasks

    left = np.zeros((1, 8, 8), np.uint8)
    left[:, :, :4] = 1
    boxes = np.array([[0, 0, 8, 8], [2, 0, 6, 8], [4, 2, 8, 6]], np.float32)
    cut = BitmapMasks(left, 8, 8).crop_and_resize(boxes, (4, 4), np.array([0, 0, 0])).to_ndarray()
    assert [mask.tolist() for mask in cut.astype(int)] == [[[1, 1, 0, 0]] * 4, [[1, 1, 0, 0]] * 4, [[0, 0, 0, 0]] * 4]


def test_a_compiled_mmcv_is_left_alone(monkeypatch):
    compiled = types.ModuleType(operators.EXTENSION)
    monkeypatch.setitem(sys.modules, operators.EXTENSION, compiled)
    assert operators.install() is False
    assert sys.modules[operators.EXTENSION] is compiled
    monkeypatch.delitem(sys.modules, operators.EXTENSION)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert operators.install() is False
    assert operators.EXTENSION not in sys.modules
