import numpy as np
import pytest

from ddlivm.alignment import gather
from ddlivm.alignment.evidence import WIDTH


def test_gathering_keeps_small_pictures_and_raw_sizes():
    infrared, visible = np.zeros((512, 640), np.float32), np.zeros((1024, 1280, 3), np.uint8)
    found = gather("p", infrared, visible)
    assert found.sizes == ((640, 512), (1280, 1024))
    assert found.infrared.shape == found.visible.shape == (256, WIDTH)


def test_a_strip_of_pixels_is_a_fault_and_stays_small():
    shown = np.random.default_rng(0).integers(0, 255, (5000, 640, 3)).astype(np.uint8)
    found = gather("p", shown[:1, :, 0].astype(np.float32), shown[:, :1])
    assert found.faults == ("strip_infrared", "strip_visible")
    assert max(found.infrared.size, found.visible.size) <= 4 * WIDTH * WIDTH
    assert gather("p", shown[:512, :, 0].astype(np.float32), shown[:160]).faults == ()


def test_pixels_that_are_no_numbers_count_as_the_median():
    infrared = np.tile(np.arange(100, dtype=np.float32), (80, 1))
    infrared[20:30, 20:30] = np.nan
    infrared[40, 40] = np.inf
    found = gather("p", infrared, np.zeros((80, 100, 3), np.uint8))
    assert np.isfinite(found.infrared).all()
    assert gather("p", infrared * np.nan, np.zeros((80, 100, 3), np.uint8)).faults == (
        "blank_infrared",
        "blank_visible",
    )


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_that_shows_nothing_is_a_fault(level: int):
    shown = np.random.default_rng(0).integers(0, 255, (64, 80, 3)).astype(np.uint8)
    blank = np.full((64, 80, 3), level, np.uint8)
    blank[:2, :2] = 90
    assert gather("p", shown[..., 0].astype(np.float32), shown).faults == ()
    assert gather("p", blank[..., 0].astype(np.float32), shown).faults == ("blank_infrared",)
    assert gather("p", shown[..., 0].astype(np.float32), blank).faults == ("blank_visible",)


@pytest.mark.parametrize(
    ("infrared", "visible", "shows"),
    [(0.5, 0.5, True), (0.0, 0.5, False), (0.5, 0.0, False), (1.0, 0.5, False), (0.5, 0.99, False), (0.03, 0.9, True)],
)
def test_panels_are_shown_by_masks_neither_empty_nor_full(infrared: float, visible: float, shows: bool):
    def mask(share: float) -> np.ndarray:
        return (np.arange(10_000) < share * 10_000).astype(np.float32).reshape(100, 100)

    nothing = np.zeros((8, 8, 3), np.uint8)
    assert gather("p", nothing[..., 0].astype(np.float32), nothing, mask(infrared), mask(visible)).shows_panels == shows
