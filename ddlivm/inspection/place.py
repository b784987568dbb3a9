"""Where a picture was taken, as its camera wrote it."""

from dataclasses import dataclass
from pathlib import Path

GPS = 0x8825
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4


@dataclass(frozen=True)
class Place:
    """WGS 84 degrees, north and east positive."""

    latitude: float
    longitude: float


def read_place(*paths: Path) -> Place | None:
    """Return the first position that one of the images carries in its EXIF, or None."""
    from PIL import Image, UnidentifiedImageError

    for path in paths:
        try:
            with Image.open(path) as image:
                fields = image.getexif().get_ifd(GPS)
            place = Place(
                _degrees(fields[LATITUDE], fields[LATITUDE_REF], "S"),
                _degrees(fields[LONGITUDE], fields[LONGITUDE_REF], "W"),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError, OSError, SyntaxError, UnidentifiedImageError):
            continue  # no position, or a damaged one: the picture itself is fine
        if abs(place.latitude) <= 90 and abs(place.longitude) <= 180:
            return place
    return None


def _degrees(parts: tuple[float, float, float], reference: str, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return round(-value if str(reference).upper().startswith(negative) else value, 7)
