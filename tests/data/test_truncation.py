from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddlivm.data import read_infrared, read_visible
from ddlivm.errors import InputError
from tests.real_data import real_data


def jpeg(progressive: bool = False, thumbnail: bool = True) -> bytes:
    """A JPEG whose header carries a thumbnail that is a whole JPEG, as cameras write it."""
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    small, large = BytesIO(), BytesIO()
    Image.fromarray(noise[:24, :32]).save(small, "JPEG")
    header = b"Exif\0\0" + small.getvalue() if thumbnail else b"Exif\0\0"
    Image.fromarray(noise).save(large, "JPEG", quality=90, progressive=progressive, exif=header)
    return large.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("thumbnail", [False, True])
def test_a_jpeg_is_refused_wherever_it_was_cut(tmp_path: Path, progressive: bool, thumbnail: bool):
    whole, path = jpeg(progressive, thumbnail), tmp_path / "image.jpg"
    path.write_bytes(whole + b"padding that some cameras add")
    assert read_visible(path).shape == (96, 128, 3)
    for share in np.linspace(0.02, 0.99, 40):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match="truncated JPEG"):
            read_visible(path)


def test_real_pictures_with_long_headers_are_read_whole_and_refused_when_cut(tmp_path: Path):
    for source in sorted(real_data("pv_pairs_xt2").glob("T-images/DJI_1*.JPG"))[:3]:
        assert read_infrared(source).values.shape == (512, 640)
        data = source.read_bytes()
        for share in (0.1, 0.5, 0.9):
            (tmp_path / "cut.JPG").write_bytes(data[: int(share * len(data))])
            with pytest.raises(InputError, match="truncated JPEG"):
                read_infrared(tmp_path / "cut.JPG")
    for source in sorted(real_data("ir_radiometric").glob("*.[jJ][pP][gG]")):
        read_infrared(source)
