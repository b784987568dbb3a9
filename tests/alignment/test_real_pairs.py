import cv2
import numpy as np
import pytest

from ddlivm.alignment import PairEvidence, align_pair, align_pairs, gather
from ddlivm.data import Transform, read_infrared, read_visible
from tests.alignment.scene import SECTION
from tests.real_data import real_data

SIZE = (640, 512)
CORNERS = np.array([(0, 0), (SIZE[0], 0), (0, SIZE[1]), SIZE], np.float64)
NAMES = ("DJI_10", "DJI_159", "DJI_249", "DJI_331", "DJI_383", "DJI_482")


def evidence(name: str, window: tuple[float, float, float] | None = None) -> PairEvidence:
    """Cut a window (scale, x, y) out of the infrared image and blow it up, as a longer lens would see it."""
    folder = real_data("pv_pairs_xt2")
    infrared = read_infrared(folder / "T-images" / f"{name}_T.JPG").values
    visible = read_visible(folder / "V-images" / f"{name}_V.JPG")
    if window:
        scale, x, y = window
        matrix = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        infrared = np.asarray(cv2.warpAffine(infrared, matrix, SIZE, flags=flags), np.float32)
    return gather(name, infrared, visible)


def error(found: Transform, window: tuple[float, float, float]) -> float:
    """Return the worst corner's error in pixels of the original images, which came registered within a few."""
    return float(np.linalg.norm(found.to_visible(CORNERS) - Transform(*window).to_visible(CORNERS), axis=1).max())


def test_real_pairs_that_came_aligned_are_registered():
    site, _ = align_pairs(map(evidence, NAMES[:3]), SECTION)
    assert site.flags == ("registered",)
    assert abs(site.transform.scale - 1) < 0.015


@pytest.mark.parametrize("name", NAMES)
def test_a_window_of_a_real_pair_is_found(name: str):
    rng = np.random.default_rng(int(name[4:]))
    scale = rng.uniform(0.55, 0.88)
    window = (scale, rng.uniform(0, SIZE[0] * (1 - scale)), rng.uniform(0, SIZE[1] * (1 - scale)))
    found = align_pair(evidence(name, window), SECTION)
    assert error(found.transform, window) < 10


def test_one_window_of_six_real_pairs_is_one_rig():
    window = (0.6, 110.0, 60.0)
    site, aligned = align_pairs([evidence(name, window) for name in NAMES], SECTION)
    assert error(site.transform, window) < 8
    assert site.confidence > 0.5
    assert "rig_changed" not in site.flags
    assert all(alignment.residual is None or alignment.residual < 8 for alignment in aligned.values())
