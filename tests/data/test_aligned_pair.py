from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import (
    VISIBLE_RATIO,
    AlignedPair,
    Detections,
    Pair,
    TemperatureScale,
    Transform,
    WorkingFrame,
    visible_size,
)

RIG = Transform(2.0, 40, -24)
"""The visible image of 520x400 shows the infrared x from -20 to 240 and y from 12 to 212."""
RAW, SEEN = (256, 200), (520, 400)
SQUARE = (100, 60, 140, 100)


def moment(image: np.ndarray) -> tuple[float, float, float]:
    """Return the centre (x, y), pixel i covering [i, i+1), and the area of what is bright."""
    weights = (image.astype(np.float64) - image.min()) / (float(image.max()) - float(image.min()))
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    return (xs * weights).sum() / weights.sum(), (ys * weights).sum() / weights.sum(), weights.sum()


def write_pair(folder: Path, transform: Transform) -> Pair:
    """Write a warm square on cold ground, as both cameras see it."""
    infrared = np.full(RAW[::-1], 29315, np.uint16)
    infrared[SQUARE[1] : SQUARE[3], SQUARE[0] : SQUARE[2]] = 31315
    x0, y0, x1, y1 = SQUARE
    corners = transform.to_visible([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    fine = np.zeros((SEEN[1] * 4, SEEN[0] * 4), np.uint8)
    cv2.fillPoly(fine, [np.round(corners * 4 - 0.5).astype(np.int32)], 255)
    visible = cv2.resize(fine, SEEN, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "i.png"), infrared)
    cv2.imwrite(str(folder / "v.png"), np.repeat(np.asarray(visible)[..., None], 3, axis=2))
    return Pair("site1", "p", folder / "i.png", folder / "v.png", TemperatureScale(0.01, -273.15))


@pytest.mark.parametrize(
    ("transform", "working"),
    [
        (RIG, (240, 188)),  # its own size
        (RIG, (256, 192)),
        (RIG, (128, 96)),  # half
        (RIG, (448, 448)),  # squashed, as the paper does
        (Transform(0.9, 200, 150), (256, 192)),  # the visible camera sees much more
        (Transform(1.6, 30, 20, 3.0), (256, 192)),  # turned
    ],
)
def test_one_ground_point_lies_at_the_same_place_in_both_working_images(
    tmp_path: Path, transform: Transform, working: tuple[int, int]
):
    pair = AlignedPair(write_pair(tmp_path, transform), transform, working)
    infrared, visible = pair.infrared(), pair.visible()
    assert infrared.shape == working[::-1]
    assert visible.shape == (*visible_size(working)[::-1], 3)
    x0, y0, _, _ = pair.frame.crop
    factor_x, factor_y = pair.frame.factors
    expected = (120 - x0) * factor_x, (80 - y0) * factor_y, 1600 * factor_x * factor_y
    x, y, area = moment(infrared)
    assert (x, y) == pytest.approx(expected[:2], abs=0.25)
    assert area == pytest.approx(expected[2], rel=0.04)
    x, y, area = moment(visible[..., 0])
    assert (x / VISIBLE_RATIO, y / VISIBLE_RATIO) == pytest.approx(expected[:2], abs=0.25)
    assert area / VISIBLE_RATIO**2 == pytest.approx(expected[2], rel=0.04)


def test_the_frame_is_the_ground_that_both_cameras_show(tmp_path: Path):
    frame = AlignedPair(write_pair(tmp_path, RIG), RIG, (480, 376)).frame
    assert frame.crop == (0, 12, 240, 200)
    assert frame.factors == (2, 2)
    box = frame.to_working(np.array([SQUARE], np.float32))
    np.testing.assert_array_equal(box, [[200, 96, 280, 176]])


def test_temperatures_stay_what_they_are(tmp_path: Path):
    pair = AlignedPair(write_pair(tmp_path, RIG), RIG, (128, 96))
    working = pair.infrared()
    assert working.dtype == np.float32
    assert pair.raw_infrared.radiometric
    assert working.min() == pytest.approx(20, abs=1e-3)
    assert working.max() == pytest.approx(40, abs=1e-3)


def test_the_working_image_is_a_copy(tmp_path: Path):
    pair = AlignedPair(write_pair(tmp_path, RIG), RIG, (240, 188))
    pair.infrared()[:] = 0
    assert pair.infrared().min() > 15


def test_fine_lines_are_averaged_when_the_visible_image_shrinks_a_lot(tmp_path: Path):
    pair = write_pair(tmp_path, RIG)
    stripes = np.zeros((SEEN[1] * 6, SEEN[0] * 6, 3), np.uint8)
    stripes[:, ::2] = 255
    cv2.imwrite(str(pair.visible_path), stripes)
    seen = AlignedPair(pair, Transform(12, 240, -144), (128, 96)).visible()
    assert np.ptp(seen[10:-10, 10:-10].astype(int)) < 20


crops = st.builds(
    lambda x, y, width, height: (float(x), float(y), float(x + width), float(y + height)),
    st.integers(0, 200),
    st.integers(0, 200),
    st.integers(1, 640),
    st.integers(1, 512),
)
sizes = st.tuples(st.integers(1, 30).map(lambda k: 32 * k), st.integers(1, 30).map(lambda k: 32 * k))
boxes = st.lists(st.tuples(*[st.floats(-100, 800, width=32)] * 4), min_size=0, max_size=6)


@given(crop=crops, size=sizes, given_boxes=boxes)
def test_boxes_go_there_and_back(crop, size, given_boxes):
    frame = WorkingFrame(crop, size)
    raw = np.array(given_boxes, np.float32).reshape(-1, 4)
    back = frame.to_raw(frame.to_working(raw))
    assert back.dtype == np.float32
    assert back.shape == raw.shape
    np.testing.assert_allclose(back, raw, atol=0.01)


@given(crop=crops, size=sizes)
def test_the_crop_is_the_whole_working_image(crop, size):
    frame = WorkingFrame(crop, size)
    np.testing.assert_allclose(frame.to_working(np.array([crop], np.float32)), [[0, 0, *size]], atol=1e-2)


def test_detections_keep_scores_and_classes_on_their_way_back():
    frame = WorkingFrame((10, 20, 110, 120), (200, 400))
    found = frame.detections_to_raw(Detections.of([(20, 40, 60, 80), (0, 0, 200, 400)], [0.9, 0.4], [3, 1]))
    np.testing.assert_allclose(found.boxes, [(20, 30, 40, 40), (10, 20, 110, 120)])
    np.testing.assert_array_equal(found.scores, np.array([0.9, 0.4], np.float32))
    np.testing.assert_array_equal(found.classes, [3, 1])


def test_the_visible_working_image_is_seven_quarters_of_the_infrared_one():
    assert visible_size((640, 512)) == (1120, 896)
    assert visible_size((448, 448)) == (784, 784)
