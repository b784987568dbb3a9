"""OA-Mix, which the paper's ablation puts in HSTD's place (4.3.3): written from OA-DG's description and numbers.

Three chains of one to three operations are mixed with each other and with the original. An operation changes tones,
or moves what is in the boxes, or all around them; the boxes stay where they are. One or two rectangles get operations
of their own (multi-level), and what hardly stands out is mixed with more of the original (object-aware).

On a pair of images tones are drawn for each modality; what moves, what is mixed and where is the same in both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.saliency import saliency
from ddlivm.augmentation.sample import Sample
from ddlivm.augmentation.tone import TONES, Unit

CHAINS = 3
DEPTHS = (1, 3)
LEVEL_AREA, MIXING_AREA = (0.01, 0.1), (0.005, 0.1)
"""Areas, shares of the tile's, of the rectangles with operations of their own, and with weights of their own."""

ASPECT = 3.0
BLUR = 0.3
"""Standard deviation of a rectangle's soft edge, share of its side."""

SALIENT = 10.0
"""A box whose mean saliency, 0 to 255, is not above this hardly stands out."""

DEGREES, SHEAR, SHIFT = 30.0, 0.3, 1 / 3
"""The largest rotation, shear and shift (share of the side)."""

Region = tuple[float, float, float, float]
"""xyxy, shares of the tile's sides: the same ground in both modalities."""


@dataclass(frozen=True)
class Operation:
    """One operation on both modalities.

    Attributes:
        tones: names and levels of what is done to the infrared and to the visible image; None where things move.
        turn: (2, 2) matrix about the centre of what moves.
        shift: (x, y), share of its sides.
        inside: whether what is in the boxes moves, or all around them.
    """

    tones: tuple[tuple[str, float], tuple[str, float]] | None
    turn: npt.NDArray[np.float64]
    shift: tuple[float, float]
    inside: bool


def oa_mix(sample: Sample, span: float, rng: np.random.Generator) -> Sample:
    """Return a tile with mixed images and unchanged labels.

    Args:
        sample: a tile whose infrared values count from its image's median.
        span: the values that normalisation makes a step of 1; tones are relative to it, or to the tile's own range
            where that is wider.
        rng: draws everything.
    """
    low = min(-span / 2, float(sample.infrared.min()))
    high = max(span / 2, float(sample.infrared.max()))
    infrared: Unit = ((sample.infrared - low) / (high - low)).astype(np.float32)[..., None]
    visible: Unit = sample.visible.astype(np.float32) / np.float32(255)
    regions = [tuple(row) for row in (sample.boxes / np.tile(sample.size, 2)).clip(0, 1).tolist()]
    chains = [[_level(rng) for _ in range(rng.integers(DEPTHS[0], DEPTHS[1] + 1))] for _ in range(CHAINS)]
    weights = rng.dirichlet(np.ones(CHAINS))
    dull = [region for region, dull in zip(regions, dull_boxes(sample), strict=True) if dull]
    mixing = draw_mixing(dull, rng)
    mixed = []
    for modality, image in enumerate((infrared, visible)):
        changed = np.zeros_like(image)
        for weight, chain in zip(weights, chains, strict=True):
            link = image
            for level in chain:
                link = _apply(link, level, modality, regions)
            changed += np.float32(weight) * link
        share = mixing_map(mixing, (image.shape[1], image.shape[0]))[..., None]
        mixed.append(image + share * (changed - image))
    return replace(
        sample,
        infrared=(low + mixed[0][..., 0] * (high - low)).astype(np.float32),
        visible=np.clip(np.rint(mixed[1] * 255), 0, 255).astype(np.uint8),
    )


def dull_boxes(sample: Sample) -> npt.NDArray[np.bool_]:
    """Return which boxes hardly stand out of the infrared image, where the labels were drawn."""
    stands_out = saliency(sample.infrared)
    corners = np.column_stack([np.floor(sample.boxes[:, :2]), np.ceil(sample.boxes[:, 2:])]).astype(int)
    return np.array([stands_out[y0:y1, x0:x1].mean() <= SALIENT for x0, y0, x1, y1 in corners], dtype=bool)


Mixing = tuple[float, list[tuple[Region, float]]]
"""How much of the changed image to take: everywhere, and in regions."""


def draw_mixing(dull: list[Region], rng: np.random.Generator) -> Mixing:
    """Draw the changed image's share: Beta(1, 1) everywhere, at most half in dull boxes, any in random rectangles."""
    everywhere = float(rng.beta(1, 1))
    random = [(draw_region(MIXING_AREA, rng), float(rng.uniform(0, 1))) for _ in range(rng.integers(1, 3))]
    return everywhere, [*random, *((region, float(rng.uniform(0, 0.5))) for region in dull)]


def mixing_map(mixing: Mixing, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the changed image's share at each pixel, (h, w) in [0, 1]; later regions lie over earlier ones."""
    share = np.full(size[::-1], mixing[0], dtype=np.float32)
    for region, weight in mixing[1]:
        share += soft_mask(region, size) * (np.float32(weight) - share)
    return share


def draw_region(area: tuple[float, float], rng: np.random.Generator) -> Region:
    """Draw a rectangle inside the tile; its area, share of the tile's, is in the range."""
    share, aspect = rng.uniform(*area), np.exp(rng.uniform(-np.log(ASPECT), np.log(ASPECT)))
    width, height = float(np.sqrt(share * aspect)), float(np.sqrt(share / aspect))
    x0, y0 = float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height))
    return x0, y0, x0 + width, y0 + height


def soft_mask(region: Region, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return a (h, w) mask, 1 inside a region, with soft edges; worked out at a quarter of the (width, height)."""
    small = (max(size[0] // 4, 1), max(size[1] // 4, 1))
    x0, y0, x1, y1 = (side * edge for side, edge in zip(small * 2, region, strict=True))
    mask = np.zeros(small[::-1], dtype=np.float32)
    mask[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = 1
    blurred = cv2.GaussianBlur(mask, (0, 0), max(BLUR * (x1 - x0), 0.1), sigmaY=max(BLUR * (y1 - y0), 0.1))
    return np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


Level = tuple[Operation, list[tuple[Region, Operation]]]
"""What is done everywhere, and what instead in regions."""


def _level(rng: np.random.Generator) -> Level:
    own = [(draw_region(LEVEL_AREA, rng), draw_operation(rng)) for _ in range(rng.integers(1, 3))]
    return draw_operation(rng), own


def draw_operation(rng: np.random.Generator) -> Operation:
    """Draw one of ten: four changes of tone, and rotation, shear and shift, of the boxes or of all around them."""
    still = np.eye(2)
    kind = int(rng.integers(10))
    if kind < len(TONES):
        names = list(TONES)
        other = names[int(rng.integers(len(names)))]
        return Operation(
            ((names[kind], float(rng.uniform())), (other, float(rng.uniform()))), still, (0.0, 0.0), inside=False
        )
    moves: tuple[Callable[[], tuple[npt.NDArray[np.float64], tuple[float, float]]], ...] = (
        lambda: (_rotation(float(rng.uniform(-DEGREES, DEGREES))), (0.0, 0.0)),
        lambda: (still + rng.uniform(-SHEAR, SHEAR, (2, 2)) * (1 - still), (0.0, 0.0)),
        lambda: (still, (float(rng.uniform(-SHIFT, SHIFT)), float(rng.uniform(-SHIFT, SHIFT)))),
    )
    turn, shift = moves[(kind - len(TONES)) % len(moves)]()
    return Operation(None, turn, shift, inside=kind < len(TONES) + len(moves))


def _apply(image: Unit, level: Level, modality: int, boxes: list[Region]) -> Unit:
    everywhere, own = level
    changed = operate(image, everywhere, modality, boxes)
    for region, operation in own:
        mask = soft_mask(region, (image.shape[1], image.shape[0]))[..., None]
        changed = changed + mask * (operate(image, operation, modality, boxes) - changed)
    return changed


def operate(image: Unit, operation: Operation, modality: int, boxes: list[Region]) -> Unit:
    """Apply one operation to one modality's image: 0 infrared, 1 visible."""
    if operation.tones is not None:
        name, level = operation.tones[modality]
        return TONES[name](image, level)
    if operation.inside:
        changed = image.copy()
        for region in boxes:
            window = _window(region, image)
            changed[window] = _move(image, operation, region, window)
        return changed
    whole = (0.0, 0.0, 1.0, 1.0)
    changed = _move(image, operation, whole, _window(whole, image))
    for region in boxes:
        window = _window(region, image)
        changed[window] = image[window]
    return changed


def _move(image: Unit, operation: Operation, region: Region, window: tuple[slice, slice]) -> Unit:
    """Move the whole image about a region's centre, by shares of the region's sides; return what a window shows."""
    sides = np.array([image.shape[1], image.shape[0]])
    low, high = np.array(region[:2]) * sides, np.array(region[2:]) * sides
    centre = (low + high) / 2 - 0.5  # OpenCV's integers are pixel centres
    rows, columns = window
    offset = centre + np.array(operation.shift) * (high - low) - operation.turn @ centre
    matrix = np.column_stack([operation.turn, offset - [columns.start, rows.start]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, dtype=np.float32).reshape(*size[::-1], -1)


def _window(region: Region, image: Unit) -> tuple[slice, slice]:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = region
    return (
        slice(int(y0 * height + 1e-6), int(np.ceil(y1 * height - 1e-6))),
        slice(int(x0 * width + 1e-6), int(np.ceil(x1 * width - 1e-6))),
    )


def _rotation(degrees: float) -> npt.NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
