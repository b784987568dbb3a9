from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddlivm.data import width_share


def write(path: Path, length: object) -> Path:
    exif = Image.Exif()
    if length is not None:
        exif.get_ifd(0x8769)[41989] = length
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path, "JPEG", exif=exif)
    return path


def test_a_longer_lens_sees_less(tmp_path: Path):
    assert width_share(write(tmp_path / "t.jpg", 58), write(tmp_path / "v.jpg", 29)) == pytest.approx(0.5)


@pytest.mark.parametrize(("infrared", "visible"), [(None, 24), (40, None), (0, 24), (40, 0), (1000, 24), (24, 60)])
def test_what_is_missing_or_unlikely_is_unknown(tmp_path: Path, infrared: object, visible: object):
    assert width_share(write(tmp_path / "t.jpg", infrared), write(tmp_path / "v.jpg", visible)) is None


def test_a_file_that_is_no_image_is_unknown(tmp_path: Path):
    (tmp_path / "t.jpg").write_bytes(b"no image")
    assert width_share(tmp_path / "t.jpg", write(tmp_path / "v.jpg", 24)) is None
    assert width_share(tmp_path / "none.jpg", write(tmp_path / "v.jpg", 24)) is None
