import numpy as np
import pytest

from ddlivm.alignment import PairEvidence
from ddlivm.alignment.paper import align_by_masks
from tests.alignment.scene import SECTION
from tests.alignment.test_widths import mask_of

BOXES = ((100, 100, 400, 180), (150, 300, 300, 340))


def pair(infrared: np.ndarray, visible: np.ndarray) -> PairEvidence:
    nothing = np.zeros((1, 1), np.float32)
    return PairEvidence("p", (640, 512), (1280, 1024), nothing, nothing, infrared, visible)


def test_two_panels_give_scale_and_offset():
    """80 and 40 raw infrared pixels are 120 and 60 raw visible ones, 200 and 150 further."""
    infrared = mask_of(*BOXES)
    visible = mask_of(
        *rounded(tuple(tuple((v * 1.5 + d) / 2 for v, d in zip(box, (200, 150) * 2, strict=True)) for box in BOXES))
    )
    found = align_by_masks([pair(infrared, visible)], SECTION)
    assert found.transform.scale == pytest.approx(1.5, abs=0.02)
    assert (found.transform.offset_x, found.transform.offset_y) == pytest.approx((200, 150), abs=6)
    assert found.confidence > 0.9


def test_where_the_infrared_frame_is_the_larger_the_roles_are_swapped():
    inner = tuple(tuple(v * 0.75 + d for v, d in zip(box, (60, 50) * 2, strict=True)) for box in BOXES)
    # The visible frame shows part of the infrared one: visible mask pixels are 0.5 raw ones, so scale is 2 / 0.75.
    found = align_by_masks([pair(mask_of(*rounded(inner)), mask_of(*BOXES))], SECTION)
    assert found.transform.scale == pytest.approx(2 / 0.75, rel=0.03)
    assert (found.transform.offset_x, found.transform.offset_y) == pytest.approx((-160, -133), abs=12)


def rounded(boxes: tuple) -> list[tuple[int, int, int, int]]:
    return [tuple(round(value) for value in box) for box in boxes]


def test_masks_that_measure_nothing_are_no_answer():
    rows = mask_of((0, 0, 640, 100))
    for one in (pair(rows, rows), pair(rows, rows).without_masks()):
        assert align_by_masks([one], SECTION).confidence == 0


def test_the_median_outvotes_a_mistake():
    right = pair(mask_of(*BOXES), mask_of(*BOXES))
    wrong = pair(mask_of(*BOXES), mask_of((100, 100, 400, 140)))
    found = align_by_masks([right, wrong, right], SECTION)
    assert found.transform.scale == pytest.approx(2, abs=0.02)
