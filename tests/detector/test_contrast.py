import pytest
import torch

from ddlivm.data import box_outlines, load_taxonomy
from ddlivm.detector.contrast import Contrast, Rules, contrast, distances, pairs, pooled, separation
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


def test_the_three_distances_by_hand():
    """Two boxes of one category and one of another, of features (3, 0), (3, 0) and (0, 4) at every level."""
    levels = constant_regions([[3.0, 0.0], [0.0, 4.0]])
    labelled = truth([[16.0, 16, 80, 80], [16.0, 120, 80, 184], [160.0, 16, 224, 80]], [0, 0, 1])
    mixed = truth([[16.0, 16, 80, 80], [16.0, 120, 80, 184], [160.0, 16, 224, 80]], [0, 1, 0])

    def measured(rules, labels):
        found = contrast(levels, labels, rules)
        assert found.positive is not None and found.negative is not None
        return found.positive.item(), found.negative.item(), found.loss(0.2, 0.3).item()

    root = 2**0.5
    # As they are: 3² + 4² = 25 apart.
    assert measured(Rules(distance="raw"), labelled) == pytest.approx((0, 25, -7.5), abs=1e-3)
    assert measured(Rules(distance="raw"), mixed) == pytest.approx((25, 12.5, 0.2 * 25 - 0.3 * 12.5), abs=1e-3)
    # At unit length: √2 apart, beyond a margin of 1 and within one of 2.
    assert measured(Rules(distance="normalised"), mixed) == pytest.approx((2, 1, 0.1), abs=1e-5)
    assert measured(Rules(distance="hinge"), labelled) == pytest.approx((0, 0, 0), abs=1e-5)
    wide = Rules(distance="hinge", margin=2.0)
    assert measured(wide, labelled) == pytest.approx((0, -((2 - root) ** 2), 0.3 * (2 - root) ** 2), abs=1e-5)
    # Of the four ordered negatives two coincide, which a hinge of margin 1 counts as 1 each.
    assert measured(Rules(distance="hinge"), mixed) == pytest.approx((2, -0.5, 0.4 + 0.15), abs=1e-5)


def test_a_hinge_has_a_gradient_where_features_coincide():
    features = torch.tensor([[1.0, 0], [1, 0], [0, 1]], requires_grad=True)
    separation(distances(features), Rules(distance="hinge", margin=2.0)).sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
    assert features.grad[2].abs().sum() > 0


def test_a_category_that_is_kept_apart_has_negatives_and_no_positives():
    positive, negative = pairs(torch.tensor([6, 6, 2, 2]), torch.full((4,), 100.0), Rules(apart=6))
    assert positive.nonzero().tolist() == [[2, 3], [3, 2]]
    assert negative.nonzero().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3], [2, 0], [2, 1], [3, 0], [3, 1]]
