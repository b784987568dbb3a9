"""Position tables of transformers: kept at the grid they were trained on, resized to the one at hand."""

import torch
from torch import Tensor
from torch.nn import functional as F


def resized(table: Tensor, grid: tuple[int, int], antialias: bool, offset: float = 0.0) -> Tensor:
    """Resize a square table to a grid, bicubically.

    Recomputing sines and cosines instead would give positions beyond those that were trained.

    With an offset, the table is resized by the factors (grid + offset) / side, and torch reads it at intervals of
    1 / factor. The positions that it reads are then a little closer together, and they end a little before the table
    does. DINOv2's own code does so for its files without registers.

    Args:
        table: (1, n * n, D), row by row.
        grid: (rows, columns) of the image.
        antialias: smooth where the grid is coarser than the table. torch's smoothing kernel is Keys' with a = -0.5, its
            other one has -0.75, so that finer grids differ a little too.
        offset: What is added to the grid's sides before they are divided by the table's, from 0 to below 1.

    Returns:
        (1, rows * columns, D).

    Raises:
        ValueError: The offset is so close to 0 or 1 that rounding gives another grid.
    """
    side = round(table.shape[1] ** 0.5)
    if grid == (side, side):
        return table
    square = table.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    fitted = F.interpolate(
        square.float(),
        size=None if offset else grid,
        scale_factor=[(count + offset) / side for count in grid] if offset else None,
        mode="bicubic",
        align_corners=False,
        antialias=antialias,
    )
    if fitted.shape[2:] != grid:
        raise ValueError(f"offset {offset}: it gives {tuple(fitted.shape[2:])} positions for a grid of {grid}")
    return fitted.flatten(2).transpose(1, 2).to(table.dtype)


def sines_and_cosines(side: int, dim: int) -> Tensor:
    """Return the fixed table of MAE, (1, side * side, dim).

    The first half of the channels encodes the column, the second the row; each half is sines, then cosines, of the
    index times 1 / 10000^(k / (dim / 4)).
    """
    frequencies = 10_000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * frequencies
    one = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = one.repeat(side, 1), one.repeat_interleave(side, dim=0)
    return torch.cat([columns, rows], dim=1).float()[None]
