import pytest
import torch

from ddlivm.data import box_outlines, load_taxonomy
from ddlivm.detector.contrast import Contrast, Rules, contrast, distances, pairs, pooled
from ddlivm.detector.heads import Truth


def truth(boxes, labels, size=(256, 256)):
    places = torch.tensor(boxes)
    return Truth((places,), (torch.tensor(labels),), (box_outlines(places.reshape(-1, 4).numpy()),), size)


def constant_regions(vectors, size=256):
    """Levels whose left half holds the first vector, and right half the second."""
    levels = []
    for stride in (4, 8, 16, 32):
        level = torch.zeros(1, 2, size // stride, size // stride)
        half = size // stride // 2
        level[0, :, :, :half] = torch.tensor(vectors[0])[:, None, None]
        level[0, :, :, half:] = torch.tensor(vectors[1])[:, None, None]
        levels.append(level)
    return tuple(levels)


def test_a_batch_by_hand():
    """Unit vectors at a right angle: squared distance 2; parallel ones of any length: 0."""
    levels = constant_regions([[3.0, 0.0], [0.0, 5.0]])
    boxes = [[16.0, 16, 80, 80], [16.0, 120, 80, 184], [160.0, 16, 224, 80]]
    expected = torch.nn.functional.normalize(torch.tensor([[3.0, 0], [3, 0], [0, 5]]), dim=1)
    for found in pooled(levels, truth(boxes, [0, 0, 1]).boxes):
        assert torch.allclose(found, expected, atol=1e-5)
    result = contrast(levels, truth(boxes, [0, 0, 1]), Rules(soft=True))
    assert result.positive is not None and result.negative is not None
    assert result.positive.item() == pytest.approx(0, abs=1e-5)
    assert result.negative.item() == pytest.approx(2, abs=1e-5)
    assert result.loss(0.2, 0.2).item() == pytest.approx(-0.4, abs=1e-5)
    mixed = contrast(levels, truth(boxes, [0, 1, 0]), Rules())
    assert mixed.positive is not None and mixed.negative is not None
    assert mixed.positive.item() == pytest.approx(2, abs=1e-5)
    assert mixed.negative.item() == pytest.approx((0 + 0 + 2 + 2) / 4, abs=1e-5)


def test_soft_constraint_is_asymmetric():
    positive, negative = pairs(torch.tensor([0, 0, 1]), torch.tensor([100.0, 160.0, 100.0]), Rules(soft=True))
    assert positive.tolist() == [[False, False, False], [True, False, False], [False, False, False]]
    assert negative.tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    hard, _ = pairs(torch.tensor([0, 0, 1]), torch.tensor([100.0, 160.0, 100.0]), Rules())
    assert hard.sum() == 2


def test_a_term_without_pairs_is_dropped():
    levels = constant_regions([[1.0, 0.0], [0.0, 1.0]])
    alone = contrast(levels, truth([[16.0, 16, 80, 80]], [3]), Rules())
    assert alone.loss(0.2, 0.2).item() == 0
    different = contrast(levels, truth([[16.0, 16, 80, 80], [160.0, 16, 224, 80]], [3, 4]), Rules())
    assert different.positive is None
    assert Contrast(None, None).loss(1.0, 1.0).item() == 0


def test_distances_lie_between_0_and_4():
    torch.manual_seed(0)
    squared = distances(torch.nn.functional.normalize(torch.randn(20, 5), dim=1))
    assert squared.min() >= 0
    assert squared.max() <= 4
    assert distances(torch.tensor([[1.0, 0], [-1, 0]]))[0, 1] == 4


def test_label_maps_of_the_three_steps():
    taxonomy = load_taxonomy()
    names = ["dirty", "diode_failure", "open_circuit", "solar_reflection"]
    labelled = truth([[0.0, 0, 8, 8]] * 4, [taxonomy.index(name) for name in names])
    shapes = labelled.relabelled(taxonomy.shape_of_class)
    assert shapes.labels[0].tolist() == [0, 1, 3, 3]
    external = labelled.relabelled(taxonomy.external_of_class)
    assert external.labels[0].tolist() == [2, 5]
    assert len(external.boxes[0]) == 2
    grouped = labelled.relabelled(taxonomy.contrast_of_class)
    assert grouped.labels[0].tolist() == [2, 6, 6, 5]
