"""Draw on images: palettes, boxes, warps and mosaics. All pictures are (H, W, 3) uint8 RGB."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import Transform
from ddlivm.errors import InputError

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

GREEN: Colour = (0, 200, 60)
BLUE: Colour = (40, 110, 255)
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


def paint(values: npt.NDArray[np.float32], limits: tuple[float, float] | None = None) -> Image:
    """Colour an (H, W) infrared image, cold to hot as black, violet, orange, yellow.

    Args:
        values: °C or grey levels.
        limits: what is black and what is yellow; by default the 1st and 99.8th percentile.
    """
    low, high = limits if limits is not None else np.percentile(values, [1, 99.8])
    levels = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    coloured = cv2.applyColorMap((levels * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def to_infrared_frame(visible: Image, transform: Transform, size: tuple[int, int]) -> Image:
    """Warp a raw visible image to the raw infrared frame; what the visible camera does not show becomes white.

    Args:
        visible: the raw visible image.
        transform: raw infrared to raw visible pixels.
        size: (width, height) of the raw infrared image.
    """
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = np.linalg.inv(half) @ np.vstack([transform.matrix, [0, 0, 1]]) @ half
    if transform.scale > 2:  # plain bilinear sampling would skip pixels and alias cell lines
        visible = np.asarray(cv2.GaussianBlur(visible, (0, 0), transform.scale / 3), dtype=np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(visible, matrix[:2], size, flags=flags, borderValue=WHITE)
    return np.asarray(warped, dtype=np.uint8)


def draw_boxes(
    picture: Image, boxes: npt.NDArray[np.floating], labels: Sequence[str], colour: Colour, below: bool = False
) -> Image:
    """Return the picture with boxes and their labels, each with a light rim so that black shows on dark ground.

    Args:
        picture: what to draw on; it is left as it is.
        boxes: (n, 4) xyxy pixels of the picture.
        labels: n texts.
        colour: of the boxes.
        below: write the labels below the boxes rather than above.
    """
    drawn = picture.copy()
    rim = WHITE if sum(colour) < 200 else BLACK
    corners = [tuple(round(float(value)) for value in box) for box in boxes]
    for x0, y0, x1, y1 in corners:
        for ink, thickness in ((rim, 4), (colour, 2)):
            cv2.rectangle(drawn, (x0 - 1, y0 - 1), (x1, y1), ink, thickness)
    for (x0, y0, _, y1), label in zip(corners, labels, strict=True):
        _write(drawn, label, (x0 - 2, y1 + 3 if below else y0 - 15), colour)
    return drawn


def _write(picture: Image, text: str, place: tuple[int, int], colour: Colour) -> None:
    """Write a label on a plate of its box's colour, its upper left corner at `place`, moved into the picture."""
    (wide, high), under = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 1)
    x = min(max(place[0], 0), max(picture.shape[1] - wide - 4, 0))
    y = min(max(place[1], 0), max(picture.shape[0] - high - under - 2, 0))
    cv2.rectangle(picture, (x, y), (x + wide + 3, y + high + under + 1), colour, cv2.FILLED)
    ink = BLACK if sum(colour) > 240 and colour[1] > 150 else WHITE
    cv2.putText(picture, text, (x + 2, y + high + 1), cv2.FONT_HERSHEY_SIMPLEX, 0.36, ink, 1, cv2.LINE_AA)


def checkerboard(first: Image, second: Image, tiles: int = 8) -> Image:
    """Return squares of two pictures of one size in turn, `tiles` of them across: edges meet where both agree."""
    side = max(first.shape[1] // tiles, 1)
    rows, columns = (np.arange(length) // side for length in first.shape[:2])
    odd = (rows[:, None] + columns[None, :]) % 2 == 1
    return np.where(odd[:, :, None], second, first)


def beside(pictures: Sequence[Image], gap: int = 8) -> Image:
    """Put pictures of one height beside each other on white."""
    strip = np.full((pictures[0].shape[0], gap, 3), 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (strip, picture)]
    return np.concatenate(parts[1:], axis=1)


def write_jpeg(path: Path, picture: Image, quality: int = 82) -> None:
    """Write a JPEG file.

    Raises:
        InputError: the file cannot be written.
    """
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InputError(f"{path}: cannot be encoded as a JPEG")
    path.write_bytes(data.tobytes())
