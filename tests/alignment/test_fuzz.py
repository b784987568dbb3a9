"""Whatever the two files hold: an answer, or one line that says what is wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ddlivm.alignment import align_pair, gather
from ddlivm.data import read_infrared, read_visible
from ddlivm.errors import InputError
from tests.alignment.scene import SECTION

FILLS = ("noise", "black", "white", "stripes", "ramp", "few")
KINDS = ("grey8", "grey16", "colour8", "alpha", "palette", "bilevel", "grey_alpha", "float32", "colour16")
SUFFIXES = {"float32": ".tiff"}


def fill(kind: str, size: tuple[int, int], seed: int) -> np.ndarray:
    """Return (h, w) in [0, 1]."""
    width, height = size
    rng = np.random.default_rng(seed)
    ramp = np.tile(np.linspace(0, 1, width), (height, 1))
    return {
        "noise": rng.random((height, width)),
        "black": np.zeros((height, width)),
        "white": np.ones((height, width)),
        "stripes": (np.arange(width) % 7 < 3).astype(float) * np.ones((height, 1)),
        "ramp": ramp,
        "few": (rng.random((height, width)) > 0.995).astype(float),
    }[kind]


def write(folder: Path, name: str, kind: str, values: np.ndarray) -> Path:
    path = folder / f"{name}{SUFFIXES.get(kind, '.png')}"
    grey = (values * 255).astype(np.uint8)
    if kind == "float32":
        odd = values.astype(np.float32)
        odd.flat[:: max(odd.size // 9, 1)] = np.nan
        cv2.imwrite(str(path), odd)
    elif kind == "grey16":
        cv2.imwrite(str(path), (values * 65535).astype(np.uint16))
    elif kind == "colour16":
        cv2.imwrite(str(path), np.repeat((values * 65535).astype(np.uint16)[..., None], 3, axis=2))
    else:
        image = Image.fromarray(grey)
        modes = {"colour8": "RGB", "alpha": "RGBA", "palette": "P", "bilevel": "1", "grey_alpha": "LA"}
        (image.convert(modes[kind]) if kind in modes else image).save(path)
    return path


images = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(FILLS),
    st.tuples(st.integers(1, 96), st.integers(1, 96)),
    st.integers(0, 2**16),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(infrared=images, visible=images)
def test_any_two_images_give_a_doubtful_answer_or_one_line(tmp_path: Path, infrared: tuple, visible: tuple):
    paths = [
        write(tmp_path, name, kind, fill(content, size, seed))
        for name, (kind, content, size, seed) in (("a", infrared), ("b", visible))
    ]
    try:
        found = align_pair(gather("p", read_infrared(paths[0]).values, read_visible(paths[1])), SECTION)
    except InputError as error:
        assert "\n" not in str(error)
        return
    numbers = (found.transform.scale, found.transform.offset_x, found.transform.offset_y, found.confidence)
    assert np.isfinite(numbers).all()
    alike = infrared[1] == visible[1] and infrared[1] not in ("black", "white")
    assert alike or found.confidence < 0.5
    assert found.confidence >= 0.5 or "low_confidence" in found.flags


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"II*\x00"]))
def test_bytes_that_are_no_image_are_one_line(tmp_path: Path, data: bytes, start: bytes):
    path = tmp_path / "a.png"
    path.write_bytes(start + data)
    for read in (read_infrared, read_visible):
        with pytest.raises(InputError) as raised:
            read(path)
        assert "\n" not in str(raised.value)
