"""The HSTD quantities on shapes whose area and perimeter have a closed form."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.contours import (
    Contour,
    ThresholdContours,
    contour_finder,
    outline_length,
    pixel_box,
    solid_region,
)
from ddlivm.errors import InputError


def disc(diameter: int) -> np.ndarray:
    y, x = np.mgrid[:diameter, :diameter] + 0.5 - diameter / 2
    return np.asarray(x**2 + y**2 <= (diameter / 2) ** 2)


def contour(mask: np.ndarray) -> Contour:
    return Contour((0, 0, mask.shape[1], mask.shape[0]), mask)


@given(width=st.integers(1, 60), height=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_rectangle_that_fills_its_box_has_one_and_one(width: int, height: int) -> None:
    shape = contour(np.ones((height, width), dtype=bool))
    assert shape.area_share == 1
    assert shape.perimeter == pytest.approx(2 * width + 2 * height)
    assert shape.perimeter_share == pytest.approx(1)


@given(width=st.integers(2, 20), height=st.integers(2, 20), left=st.integers(0, 9), top=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_smaller_rectangle_has_its_sides_shares(width: int, height: int, left: int, top: int) -> None:
    mask = np.zeros((30, 40), dtype=bool)
    mask[top : top + height, left : left + width] = True
    assert contour(mask).area_share == pytest.approx(width * height / 1200)
    assert contour(mask).perimeter_share == pytest.approx((width + height) / 70)


@pytest.mark.parametrize(("diameter", "tolerance"), [(8, 0.06), (12, 0.05), (20, 0.03), (40, 0.02), (100, 0.02)])
def test_a_disc_has_a_quarter_pi_of_both(diameter: int, tolerance: float) -> None:
    shape = contour(disc(diameter))
    assert shape.area_share == pytest.approx(np.pi / 4, rel=tolerance)
    assert shape.perimeter_share == pytest.approx(np.pi / 4, rel=tolerance)


def test_an_l_has_its_boxs_perimeter_and_less_area() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[:, :7] = True
    mask[13:] = True
    shape = contour(mask)
    assert shape.area_share == pytest.approx((20 * 7 + 7 * 23) / 600)
    assert shape.perimeter == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("angle", [10, 22.5, 30, 45])
def test_a_turned_square_keeps_its_perimeter(angle: float) -> None:
    y, x = np.mgrid[:100, :100] - 49.5
    turn = np.deg2rad(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    assert outline_length((abs(along) < 30) & (abs(across) < 30)) == pytest.approx(240, rel=0.03)


@given(seed=st.integers(0, 10_000), height=st.integers(5, 13), width=st.integers(5, 13))
@settings(max_examples=150, deadline=None)
def test_a_ragged_region_is_about_as_long_as_its_pixels_edges_or_its_hull(seed: int, height: int, width: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    mask = solid_region(cv2.GaussianBlur(noise, (0, 0), 0.8) > 0.1)
    padded = np.pad(mask, 1).astype(np.int8)
    edges = float(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())
    ys, xs = np.nonzero(mask)
    corners = np.concatenate([np.stack([xs + x, ys + y], axis=1) for x in (0, 1) for y in (0, 1)]).astype(np.float32)
    hull = cv2.arcLength(cv2.convexHull(corners), closed=True)
    for view in (mask, mask[::-1], mask[:, ::-1], mask.T):
        assert 0.7 * hull <= outline_length(np.ascontiguousarray(view)) <= 1.1 * edges


def test_a_spike_does_not_lengthen_without_limit() -> None:
    mask = np.zeros((5, 9), dtype=bool)
    mask[2:, 6:8] = mask[:2, 8] = True  # a line of two pixels that touches a block by a corner: 6 and 10 around
    assert 11 < outline_length(mask) < 16
    assert 11 < outline_length(mask[:, ::-1].copy()) < 16


def test_the_threshold_finds_a_drawn_disc_and_ignores_a_smaller_one() -> None:
    values = np.random.default_rng(0).normal(30, 0.3, (60, 80)).astype(np.float32)
    values[20:40, 30:50][disc(20)] += 15
    values[22:25, 56:59] += 15
    (found,) = ThresholdContours().find(values, np.array([[28.4, 18.2, 60, 41.7]], np.float32))
    assert found.box == (28, 18, 60, 42)
    expected = np.zeros_like(found.mask)
    expected[2:22, 2:22] = disc(20)
    np.testing.assert_array_equal(found.mask, expected)


def test_a_box_without_contrast_is_its_own_contour() -> None:
    (found,) = ThresholdContours().find(np.full((10, 10), 5, np.float32), np.array([[2, 2, 6, 8]], np.float32))
    assert (found.area_share, found.perimeter_share) == (1, 1)


def test_holes_belong_to_the_region() -> None:
    ring = disc(20)
    hollow = ring.copy()
    hollow[6:14, 6:14] = False
    np.testing.assert_array_equal(solid_region(hollow), ring)
    assert solid_region(np.zeros((3, 4), dtype=bool)).all(), "no region: the box"


@given(
    box=st.tuples(*[st.floats(-50, 150, allow_nan=False)] * 4),
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
@settings(max_examples=80, deadline=None)
def test_a_pixel_box_is_inside_the_image_and_not_empty(
    box: tuple[float, float, float, float], shape: tuple[int, int]
) -> None:
    x0, y0, x1, y1 = pixel_box(box, shape)
    assert 0 <= x0 < x1 <= shape[1]
    assert 0 <= y0 < y1 <= shape[0]


def test_without_a_checkpoint_the_threshold_stands_in() -> None:
    assert isinstance(contour_finder(None), ThresholdContours)


def test_a_missing_or_wrong_sam_checkpoint_is_one_line(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        contour_finder(str(tmp_path / "sam.pth"))
    (tmp_path / "sam.pth").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="no SAM checkpoint") as caught:
        contour_finder(str(tmp_path / "sam.pth"))
    assert "\n" not in str(caught.value)
