"""Changes that a segmenter must not mind: other cameras, days, grounds and heights."""

import cv2
import numpy as np

from ddlivm.segmentation.images import Field


def vary(image: Field, mask: Field, infrared: bool, rng: np.random.Generator) -> tuple[Field, Field]:
    """Change one training image and its mask.

    Args:
        image: (h, w, 3) float32 in 0 to 255.
        mask: (h, w) float32 in [0, 1].
        infrared: whether it is infrared, its channels alike; panels may be colder than the ground, or warmer.
        rng: of the draws.

    Returns:
        Both, of the same sizes and ranges.
    """
    mean, deviation = np.float32(image.mean()), np.float32(max(float(image.std()), 1.0))
    channels = image[..., :1] if infrared else image
    image, mask = _move((channels - mean) / deviation, mask, rng)
    if infrared:
        if rng.random() < 0.1:
            image = -image
    else:
        balance = np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
        mix = np.eye(3, dtype=np.float32) + rng.normal(0, 0.12, (3, 3)).astype(np.float32)
        image = ((image * balance) @ mix).astype(np.float32)
        if rng.random() < 0.2:
            image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = np.sign(image) * np.abs(image) ** np.float32(np.exp(rng.normal(0, 0.25)))
    height, width = mask.shape
    light = cv2.resize(rng.standard_normal((3, 4)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    image = image + np.float32(0.35 * rng.random()) * np.asarray(light)[..., None]
    # In infrared, grain is what tells ground from panels: little is added and little is blurred.
    if rng.random() < (0.15 if infrared else 0.4):
        blurred = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.3, 1.6)))
        image = np.asarray(blurred, np.float32).reshape(image.shape)
    # Grass, gravel and sand differ between plants more than panels do: coarse grain of a random size over all.
    period = int(rng.integers(1, 6))
    grain = rng.standard_normal((height // period + 1, width // period + 1)).astype(np.float32)
    grown = np.asarray(cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR))
    image = image + np.float32((0.1 if infrared else 0.5) * rng.random() ** 2) * grown[..., None]
    levels = np.clip(image * deviation + mean, 0, 255).astype(np.float32)
    return np.repeat(levels, 3, axis=2) if infrared else levels, mask


def _move(image: Field, mask: Field, rng: np.random.Generator) -> tuple[Field, Field]:
    """Turn, scale, shift and mirror both alike."""
    height, width = mask.shape
    angle = float(rng.normal(0, 12)) + (90.0 if rng.random() < 0.15 else 0.0)
    scale = float(np.exp(rng.uniform(-0.5, 0.5)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += rng.uniform(-0.15, 0.15, 2) * np.array([width, height])
    if rng.random() < 0.5:
        matrix[0] = -matrix[0] + np.array([0, 0, width])
    size, reflect = (width, height), cv2.BORDER_REFLECT_101
    moved, moved_mask = (cv2.warpAffine(field, matrix, size, borderMode=reflect) for field in (image, mask))
    return np.asarray(moved, np.float32).reshape(image.shape), np.asarray(moved_mask, np.float32)
