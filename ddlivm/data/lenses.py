"""How much of one camera's picture another one covers, by what the cameras wrote about their lenses."""

from pathlib import Path

EXIF = 0x8769
EQUIVALENT_FOCAL_LENGTH = 41989
"""EXIF's FocalLengthIn35mmFilm, which takes the sensor's size into account."""
LEAST, MOST = 0.2, 1.5
"""Shares of cameras that fly together."""


def width_share(infrared: Path, visible: Path) -> float | None:
    """Return the share of the visible picture's width that the infrared one shows, for cameras that look the same way.

    Args:
        infrared: an image file.
        visible: an image file of the same moment.

    Returns:
        None where one of them does not say, or nothing likely. A picture that was cropped or registered may keep what
        its camera said of the whole: this is where to begin a search, not where to end it.
    """
    long, wide = (_equivalent_focal_length(path) for path in (infrared, visible))
    share = wide / long if long and wide else None
    return share if share and LEAST <= share <= MOST else None


def _equivalent_focal_length(path: Path) -> float | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            value = float(image.getexif().get_ifd(EXIF)[EQUIVALENT_FOCAL_LENGTH])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OSError, SyntaxError, UnidentifiedImageError):
        return None  # none written, or a damaged one: the picture itself is fine
    return value if value > 0 else None
