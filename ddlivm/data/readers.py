"""Read one infrared or visible image; whatever the file is, a bad one gives one clear line."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.headers import claimed_size, is_cut
from ddlivm.errors import InputError

MAX_PIXELS = 200_000_000
"""An image may not be larger: a small file can claim a huge one."""


@dataclass(frozen=True)
class Infrared:
    """An infrared image.

    Attributes:
        values: (H, W) float32, °C when `radiometric`, else grey levels 0..255.
        radiometric: whether the values are temperatures.
    """

    values: npt.NDArray[np.float32]
    radiometric: bool


@dataclass(frozen=True)
class TemperatureScale:
    """How a 16-bit image encodes temperature: `celsius = value * gain + offset`."""

    gain: float
    offset: float


def read_infrared(path: Path, scale: TemperatureScale | None = None) -> Infrared:
    """Read an infrared image: 16-bit with a temperature scale, or 8-bit grey or palette-coloured.

    Raises:
        InputError: no image, damaged, of no size, or 16-bit without a scale.
    """
    decoded = _decode(path, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    pixels = cv2.cvtColor(decoded, cv2.COLOR_BGR2GRAY) if decoded.ndim == 3 else decoded
    if pixels.dtype == np.uint8:
        return Infrared(pixels.astype(np.float32), radiometric=False)
    if scale is None:
        # Counts without a calibration still order the pixels by temperature: stretch them to grey levels.
        low, high = np.percentile(pixels, [0.5, 99.5])
        grey = (pixels.astype(np.float32) - low) * (255.0 / max(float(high - low), 1.0))
        return Infrared(np.clip(grey, 0, 255).astype(np.float32), radiometric=False)
    return Infrared((pixels * np.float32(scale.gain) + np.float32(scale.offset)).astype(np.float32), radiometric=True)


def read_visible(path: Path) -> npt.NDArray[np.uint8]:
    """Read a visible image as (H, W, 3) uint8 RGB.

    Raises:
        InputError: no image, damaged, or of no size.
    """
    return np.asarray(cv2.cvtColor(_decode(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_panel_mask(path: Path, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Read where panels are: any colour or grey above half is panel.

    Args:
        path: of the mask.
        size: (width, height) of its raw image.

    Returns:
        (H, W) float32, 0 or 1.

    Raises:
        InputError: no image, damaged, or not of its image's size.
    """
    decoded = _decode(path, cv2.IMREAD_GRAYSCALE)
    if decoded.shape != size[::-1]:
        width, height = decoded.shape[::-1]
        raise InputError(f"{path}: is {width}x{height}, its image is {size[0]}x{size[1]}; draw it at the image's size")
    return np.asarray(decoded > 127, np.float32)


def _decode(path: Path, flags: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{path}: is empty (0 bytes); copy it from the camera again")
    if data[:2] == b"\xff\xd8" and is_cut(data):
        # Decoders fill the missing half with grey, and a detector would report on it.
        raise InputError(f"{path}: is a truncated JPEG (no end marker); copy it from the camera again")
    width, height = claimed_size(data) or (0, 0)
    if width * height > MAX_PIXELS:
        raise InputError(f"{path}: {width}x{height} is over the limit of {MAX_PIXELS} pixels")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise InputError(f"{path}: cannot be decoded as an image ({error.err})") from error
    if pixels is None:
        raise InputError(f"{path}: is not an image that can be decoded (JPEG, PNG or TIFF expected)")
    if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        raise InputError(f"{path}: {pixels.shape[1]}x{pixels.shape[0]} is over the limit of {MAX_PIXELS} pixels")
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    if pixels.dtype == np.uint16:
        return np.asarray(pixels, dtype=np.uint16)
    raise InputError(f"{path}: has {pixels.dtype} pixels; 8-bit or 16-bit expected")
