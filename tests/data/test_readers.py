import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddlivm.data import TemperatureScale, read_infrared, read_visible
from ddlivm.data.headers import claimed_size
from ddlivm.data.readers import MAX_PIXELS
from ddlivm.errors import InputError
from tests.real_data import real_data

SCALE = TemperatureScale(0.01, -273.15)


def message(path: Path) -> str:
    """Return what both readers say about a file that neither can read."""
    with pytest.raises(InputError) as raised:
        read_infrared(path, SCALE)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    with pytest.raises(InputError):
        read_visible(path)
    return text


@given(celsius=st.floats(-40, 150), suffix=st.sampled_from([".png", ".tif"]))
def test_sixteen_bits_with_a_scale_are_degrees(tmp_path_factory: pytest.TempPathFactory, celsius: float, suffix: str):
    path = tmp_path_factory.getbasetemp() / f"scaled{suffix}"
    cv2.imwrite(str(path), np.full((4, 6), round((celsius + 273.15) * 100), np.uint16))
    found = read_infrared(path, SCALE)
    assert found.radiometric
    assert found.values.shape == (4, 6)
    assert found.values.dtype == np.float32
    assert found.values[2, 3] == pytest.approx(celsius, abs=0.006)


def test_sixteen_bits_without_a_scale_are_grey_levels_in_the_same_order(tmp_path: Path):
    counts = np.arange(8000, 8000 + 64 * 80, dtype=np.uint16).reshape(64, 80)
    cv2.imwrite(str(tmp_path / "i.png"), counts)
    found = read_infrared(tmp_path / "i.png")
    assert not found.radiometric
    assert (found.values.min(), found.values.max()) == (0, 255)
    assert (np.diff(found.values.ravel()) >= 0).all()
    assert found.values[32, 0] == pytest.approx(127.5, abs=1)


def test_sixteen_bits_of_one_value_are_no_division_by_zero(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "i.png"), np.full((8, 8), 9000, np.uint16))
    assert np.isfinite(read_infrared(tmp_path / "i.png").values).all()


def test_eight_bits_are_grey_levels_whatever_the_site_says(tmp_path: Path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "i.png"), grey)
    found = read_infrared(tmp_path / "i.png", SCALE)
    assert not found.radiometric
    np.testing.assert_array_equal(found.values, grey)


def test_palettes_and_colours_become_grey(tmp_path: Path):
    levels = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (16, 1))
    ramp = Image.fromarray(levels).convert("P")
    ramp.putpalette([value for level in range(256) for value in (level, level // 2, 0)])
    ramp.save(tmp_path / "palette.png")
    red_green = np.stack([levels, levels // 2, np.zeros_like(levels)], axis=2)
    Image.fromarray(red_green).save(tmp_path / "colour.png")
    for name in ("palette.png", "colour.png"):
        found = read_infrared(tmp_path / name)
        assert not found.radiometric
        expected = 0.299 * levels + 0.587 * (levels // 2)
        np.testing.assert_allclose(found.values, expected, atol=1)


def test_visible_images_are_rgb(tmp_path: Path):
    colours = np.zeros((10, 12, 3), np.uint8)
    colours[:, :6] = (200, 10, 20)
    Image.fromarray(colours).save(tmp_path / "v.png")
    Image.fromarray(colours).save(tmp_path / "v.jpg", quality=95)
    Image.fromarray(colours).convert("RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_visible(tmp_path / "v.png"), colours)
    np.testing.assert_array_equal(read_visible(tmp_path / "a.png"), colours)
    np.testing.assert_allclose(read_visible(tmp_path / "v.jpg")[:, :4].mean(axis=(0, 1)), (200, 10, 20), atol=6)


def test_a_grey_visible_image_has_three_channels(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "v.png"), np.full((5, 7), 90, np.uint8))
    assert read_visible(tmp_path / "v.png").shape == (5, 7, 3)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty (0 bytes)"),
        (b"these are notes\n", "is not an image that can be decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "is not an image that can be decoded"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "is a truncated JPEG"),
        (b"\xff\xd8", "is a truncated JPEG"),
        (b"II*\0" + b"\xff" * 60, "is not an image that can be decoded"),
        (b"GIF89a" + b"\0" * 30, "is not an image that can be decoded"),
    ],
)
def test_a_file_that_is_no_image_is_one_line(tmp_path: Path, data: bytes, problem: str):
    path = tmp_path / "image.jpg"
    path.write_bytes(data)
    assert problem in message(path)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path):
    assert "cannot be read (No such file" in message(tmp_path / "none.png")
    assert "cannot be read (Is a directory" in message(tmp_path)


def test_pixels_of_another_depth_are_one_line(tmp_path: Path):
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "i.tif")
    with pytest.raises(InputError, match="has float32 pixels; 8-bit or 16-bit expected"):
        read_infrared(tmp_path / "i.tif")


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_headers_say_what_decoding_finds(tmp_path: Path, suffix: str, kind: type):
    path = tmp_path / f"image{suffix}"
    cv2.imwrite(str(path), np.full((37, 51), 100, kind))
    data = path.read_bytes()
    assert claimed_size(data) == (None if suffix == ".bmp" else (51, 37))
    for end in range(0, len(data), max(len(data) // 50, 1)):
        assert claimed_size(data[:end]) in (None, (51, 37))


def test_headers_of_real_pictures():
    for path in sorted(real_data("ir_radiometric").iterdir()):
        assert claimed_size(path.read_bytes()) in ((640, 512), None)
    for path in sorted(real_data("pv_pairs_xt2").glob("?-images/*"))[::9]:
        assert claimed_size(path.read_bytes()) == (640, 512)


@pytest.mark.parametrize(("width", "height"), [(20_001, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_claims_a_huge_image_is_refused_before_it_is_decoded(
    tmp_path: Path, width: int, height: int, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_claims(width, height))
    assert path.stat().st_size < 1000
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    assert f"{width}x{height} is over the limit of {MAX_PIXELS} pixels" in message(path)


def test_real_radiometric_and_palette_pictures_are_read():
    for path in sorted(real_data("ir_8bit").rglob("*.[jJ][pP]*[gG]"))[::10]:
        found = read_infrared(path)
        assert not found.radiometric
        assert found.values.shape == (512, 640)
    for path in sorted(real_data("ir_radiometric").glob("thedpv_*")):
        found = read_infrared(path)
        assert found.values.shape == (512, 640)
        assert np.ptp(found.values) == 255
