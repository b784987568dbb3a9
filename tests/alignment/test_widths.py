import cv2
import numpy as np
import pytest

from ddlivm.alignment import PairEvidence
from ddlivm.alignment.widths import candidate_scales, panel_widths
from tests.alignment.scene import SECTION

RAW = (640, 512)


def mask_of(*rectangles: tuple[int, int, int, int], size: tuple[int, int] = RAW) -> np.ndarray:
    """Draw xyxy rectangles into a mask of (width, height)."""
    mask = np.zeros((size[1], size[0]), np.float32)
    for x0, y0, x1, y1 in rectangles:
        mask[y0:y1, x0:x1] = 1
    return mask


def test_a_rectangles_width_is_its_short_side():
    assert panel_widths(mask_of((100, 100, 400, 180)), RAW, SECTION) == pytest.approx([80], abs=0.1)
    assert panel_widths(mask_of((100, 100, 160, 400)), RAW, SECTION) == pytest.approx([60], abs=0.1)


@pytest.mark.parametrize("erosion", [1, 5, 15])
def test_erosion_is_added_back(erosion: int):
    section = SECTION.model_copy(update={"erosion": erosion})
    assert panel_widths(mask_of((100, 100, 400, 180)), RAW, section) == pytest.approx([80], abs=0.1)


def test_erosion_parts_rows_that_touch_by_a_thread():
    two = mask_of((100, 100, 300, 160), (198, 160, 201, 200), (100, 200, 300, 260))
    assert panel_widths(two, RAW, SECTION) == pytest.approx([60, 60], abs=0.1)


def test_widths_come_widest_first():
    rectangles = mask_of((50, 40, 300, 80), (50, 120, 300, 220), (50, 260, 300, 320))
    assert panel_widths(rectangles, RAW, SECTION) == pytest.approx([100, 60, 40], abs=0.1)


def test_small_contours_are_outliers():
    rectangles = mask_of((50, 50, 450, 250), (500, 400, 515, 415))
    assert panel_widths(rectangles, RAW, SECTION) == pytest.approx([200], abs=0.1)
    every = SECTION.model_copy(update={"minimum_area": 0.0})
    assert panel_widths(rectangles, RAW, every) == pytest.approx([200, 15], abs=0.1)


@pytest.mark.parametrize("angle", [0, 7, -20])
def test_a_turned_rectangle_keeps_its_width(angle: float):
    canvas = np.zeros((512, 640), np.uint8)
    corners = cv2.boxPoints(((320, 256), (300, 90), angle))
    cv2.fillPoly(canvas, [corners.round().astype(np.int32)], 1)
    (width,) = panel_widths(canvas.astype(np.float32), RAW, SECTION)
    assert width == pytest.approx(90, abs=3)


def test_a_row_cut_along_itself_has_its_true_width():
    assert panel_widths(mask_of((0, 100, 640, 170)), RAW, SECTION) == pytest.approx([70], abs=0.1)
    assert panel_widths(mask_of((200, 0, 290, 512)), RAW, SECTION) == pytest.approx([90], abs=0.1)


def test_a_row_whose_width_is_cut_says_nothing():
    assert panel_widths(mask_of((0, 0, 640, 70)), RAW, SECTION) == []
    assert panel_widths(mask_of((100, 480, 500, 512)), RAW, SECTION) == []


def test_whole_panels_outrank_those_that_the_frame_cuts():
    both = mask_of((0, 60, 640, 160), (100, 250, 300, 320))
    assert panel_widths(both, RAW, SECTION) == pytest.approx([70], abs=0.1)


def test_widths_are_raw_pixels_whatever_the_masks_size():
    small = mask_of((20, 40, 100, 60), size=(160, 128))
    assert panel_widths(small, (1280, 1024), SECTION) == pytest.approx([160], abs=4)
    assert panel_widths(small, (640, 512), SECTION) == pytest.approx([80], abs=2)


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_no_panels_no_widths(value: float):
    assert panel_widths(np.full((64, 80), value, np.float32), RAW, SECTION) == []


def pair(infrared: np.ndarray, visible: np.ndarray) -> PairEvidence:
    nothing = np.zeros((1, 1), np.float32)
    return PairEvidence("p", RAW, (1280, 1024), nothing, nothing, infrared, visible)


def test_one_panel_gives_the_ratio_of_its_widths():
    one = pair(mask_of((100, 100, 400, 180)), mask_of((150, 150, 450, 210)))
    # 60 mask pixels of the visible image are 120 raw ones.
    assert candidate_scales(one, SECTION) == pytest.approx([120 / 80], abs=0.01)


def test_the_widest_panels_of_both_images_give_the_candidates():
    infrared = mask_of((50, 40, 300, 80), (50, 120, 300, 180))
    visible = mask_of((50, 40, 300, 70), (50, 120, 300, 165))
    found = candidate_scales(pair(infrared, visible), SECTION)
    assert found == pytest.approx([90 / 60, 90 / 40, 60 / 60, 60 / 40], abs=0.02)
    widest = SECTION.model_copy(update={"candidate_widths": 1})
    assert candidate_scales(pair(infrared, visible), widest) == pytest.approx([1.5], abs=0.01)


def test_masks_that_measure_nothing_give_no_scale():
    assert candidate_scales(pair(mask_of(), mask_of((0, 0, 640, 512))), SECTION) == []
    assert candidate_scales(pair(mask_of(), mask_of()).without_masks(), SECTION) == []
