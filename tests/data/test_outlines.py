import numpy as np
import pytest

from ddlivm.data.outlines import box_outlines, move, outline, segmentation_outline
from ddlivm.errors import InputError


def test_a_flat_list_is_points():
    points = outline([1, 2, 4, 2, 4.5, 6], "a.json: annotation 3")
    assert points.tolist() == [[1, 2], [4, 2], [4.5, 6]]
    assert points.dtype == np.float32


@pytest.mark.parametrize(
    ("flat", "problem"),
    [
        ([1, 2, 3, 4, 5, 6, 7], "has 7 numbers; write x and y of at least three points"),
        ([1, 2, 3, 4], "has 4 numbers"),
        ([], "has 0 numbers"),
        ([1, 2, 3, 4, 5, "6"], "no list of numbers"),
        ([1, 2, 3, 4, 5, None], "no list of numbers"),
        ([1, 2, 3, 4, 5, float("nan")], "no list of numbers"),
        ([1, 2, 3, 4, 5, float("inf")], "no list of numbers"),
        ([[1, 2], [3, 4], [5, 6]], "no list of numbers"),
        (7, "no list of numbers"),
    ],
)
def test_what_is_no_outline_is_named_in_one_line(flat, problem):
    with pytest.raises(InputError, match=problem) as raised:
        segmentation_outline([flat], "a.json: annotation 3")
    assert str(raised.value).startswith("a.json: annotation 3: ")
    assert "\n" not in str(raised.value)


def test_a_segmentation_may_be_missing_and_its_first_polygon_counts():
    assert segmentation_outline(None, "") is None
    assert segmentation_outline([], "") is None
    found = segmentation_outline([[0, 0, 4, 0, 4, 4], [8, 8, 9, 8, 9, 9]], "")
    assert found is not None
    assert found.tolist() == [[0, 0], [4, 0], [4, 4]]
    with pytest.raises(InputError, match="annotation 3: its segmentation is no list of polygons"):
        segmentation_outline({"counts": [1, 2], "size": [3, 1]}, "annotation 3")


def test_a_box_is_its_corners_in_order():
    corners, _ = box_outlines(np.array([[1, 2, 5, 4], [0, 0, 1, 1]], np.float32))
    assert corners.tolist() == [[1, 2], [5, 2], [5, 4], [1, 4]]
    assert box_outlines(np.zeros((0, 4), np.float32)) == ()


def test_moving_shifts_then_scales():
    (points,) = move([np.array([[10, 20], [14, 22], [10, 24]], np.float32)], (10, 20), (2, 0.5))
    assert points.tolist() == [[0, 0], [8, 1], [0, 2]]
    assert points.dtype == np.float32
