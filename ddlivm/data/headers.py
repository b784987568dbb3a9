"""What an image file says of itself before its pixels are decoded."""

import struct
from collections.abc import Iterator

PICTURE = 0xDA
CUT = -1
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The JPEG markers that carry the size."""


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Return the (width, height) that a PNG's, JPEG's or TIFF's header claims; None where it says nothing."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
        elif data.startswith(b"\xff\xd8"):
            place = next(start for marker, start in _segments(data) if marker in FRAMES)
            height, width = struct.unpack_from(">HH", data, place + 5)
        elif data[:4] in (b"II*\0", b"MM\0*"):
            width, height = _tiff_size(data, "<" if data[:1] == b"I" else ">")
        else:
            return None
    except (struct.error, StopIteration, KeyError):
        return None
    return int(width), int(height)


def is_cut(data: bytes) -> bool:
    """Return whether a JPEG ends before its picture does.

    Headers are stepped over by their length, since the thumbnail within one has an end marker of its own.
    """
    marker = 0
    for marker, start in _segments(data):
        if marker == PICTURE:  # within the picture 0xFF 0xD9 can only be the end
            return data.find(b"\xff\xd9", start) < 0
    return marker == CUT


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (marker, place) of a JPEG's segments up to its picture; `CUT` where the file ends before it."""
    start = 2
    while start + 4 <= len(data):
        if data[start] != 0xFF:
            return
        if data[start + 1] == 0xFF:  # a fill byte
            start += 1
            continue
        yield data[start + 1], start
        if data[start + 1] == PICTURE:
            return
        start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    yield CUT, start


def _tiff_size(data: bytes, order: str) -> tuple[int, int]:
    """Return the width (tag 256) and height (tag 257) of a TIFF's first directory."""
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    found: dict[int, int] = {}
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(f"{order}HHI", data, place)
        (found[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, place + 8)
    return found[256], found[257]
