import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ddlivm.detector.positions import resized

SIDES = range(1, 129)


def keys(distance):
    """Keys' cubic kernel with a = -0.75, in its two pieces."""
    d = abs(distance)
    if d <= 1:
        return 1.25 * d**3 - 2.25 * d**2 + 1
    return -0.75 * d**3 + 3.75 * d**2 - 6 * d + 3 if d < 2 else 0.0


def read(square, row, column):
    """Interpolate (n, n, D) at one position; what lies beyond the border is the border's."""
    side = len(square)
    total = np.zeros(square.shape[2])
    for y in range(math.floor(row) - 1, math.floor(row) + 3):
        for x in range(math.floor(column) - 1, math.floor(column) + 3):
            weight = keys(row - y) * keys(column - x)
            total += weight * square[min(max(y, 0), side - 1), min(max(x, 0), side - 1)]
    return total


def by_the_original_rule(table, grid, offset):
    """Return what DINOv2 reads for each cell of a grid, in numpy; table is (1, n * n, D)."""
    side = math.isqrt(table.shape[1])
    square = table.double().numpy().reshape(side, side, -1)
    factors = [(count + offset) / side for count in grid]
    cells = [
        read(square, (row + 0.5) / factors[0] - 0.5, (column + 0.5) / factors[1] - 0.5)
        for row in range(grid[0])
        for column in range(grid[1])
    ]
    return np.stack(cells)[None]


def random_table(side, dim=3):
    return torch.randn(1, side * side, dim, generator=torch.Generator().manual_seed(side))


def test_positions_computed_by_hand():
    """Two columns, 0 and 1, are resized to three: 3.1 / 2 = 1.55, so they are read at -0.1774, 0.4677 and 1.1129.

    The first position lies outside; of what it reads, only the second column is 1. That is 1.1774 away, where the
    kernel is -0.75 * 1.6323 + 3.75 * 1.3863 - 6 * 1.1774 + 3 = -0.0900. The second reads a 1 at a distance of 0.5323
    and its copy beyond the border at 1.5323, which weigh 0.5511 and -0.0873. The third reads a 0 only at 1.1129, which
    weighs -0.0666; all weights sum to 1, so the ones have 1.0666.
    """
    table = torch.tensor([0.0, 1.0, 0.0, 1.0]).reshape(1, 4, 1)
    across = resized(table, (3, 3), antialias=False, offset=0.1).reshape(3, 3)
    expected = torch.tensor([-0.0900, 0.4637, 1.0666])
    assert torch.allclose(across, expected.expand(3, 3), rtol=0, atol=1e-4)


@pytest.mark.parametrize("offset", [0.1, 0.5])
@pytest.mark.parametrize(
    ("side", "grid"),
    [(2, (3, 3)), (2, (6, 6)), (4, (3, 3)), (4, (6, 6)), (4, (4, 6)), (4, (1, 9)), (37, (28, 28)), (37, (56, 40))],
)
def test_an_offset_moves_the_positions_that_are_read(side, grid, offset):
    table = random_table(side)
    expected = by_the_original_rule(table, grid, offset)
    found = resized(table, grid, antialias=False, offset=offset)
    assert np.abs(found.numpy() - expected).max() < 2e-5
    assert np.abs(resized(table, grid, antialias=False).numpy() - expected).max() > 1e-3


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("grid", [(3, 3), (6, 6), (4, 6), (1, 9)])
def test_without_offset_the_grid_covers_the_whole_table(grid, antialias):
    table = random_table(4)
    found = resized(table, grid, antialias, offset=0.0)
    square = table.reshape(1, 4, 4, 3).permute(0, 3, 1, 2)
    by_size = F.interpolate(square, size=grid, mode="bicubic", align_corners=False, antialias=antialias)
    assert torch.equal(found, by_size.flatten(2).transpose(1, 2))
    assert torch.equal(found, resized(table, grid, antialias))
    if not antialias:
        assert np.abs(found.numpy() - by_the_original_rule(table, grid, 0.0)).max() < 1e-5


def test_the_own_grid_is_kept_whatever_the_offset():
    table = random_table(4)
    assert resized(table, (4, 4), antialias=False, offset=0.1) is table


@pytest.mark.parametrize("side", [1, 3, 14, 37, 128])
def test_every_grid_has_its_own_number_of_positions(side):
    table = torch.zeros(1, side * side, 1)
    for count in SIDES:
        assert resized(table, (count, 129 - count), antialias=False, offset=0.1).shape == (1, count * (129 - count), 1)


def test_no_grid_is_lost_in_rounding():
    """The size is floor(side * factor); 0.1 is far more than rounding takes."""
    assert all(math.floor(side * ((count + 0.1) / side)) == count for side in SIDES for count in SIDES)


def test_an_offset_that_is_rounded_to_a_whole_position_is_an_error():
    table = torch.zeros(1, 1, 1)
    with pytest.raises(ValueError, match=r"gives \(9, 9\) positions for a grid of \(8, 8\)"):
        resized(table, (8, 8), antialias=False, offset=1 - 2**-53)
