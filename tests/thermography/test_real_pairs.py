from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_pairs import (
    Picture,
    Regions,
    anomalies_of,
    by_draft_masks,
    choose,
    crossed,
    judge,
    load_pictures,
    score,
)
from ddlivm.thermography import excess, find_anomalies
from tests.real_data import real_data
from tests.thermography.drawn import settings


def regions(*boxes: tuple[float, ...]) -> Regions:
    own = np.array(boxes, np.float32).reshape(-1, 4)
    return Regions(own, np.ones(len(own), np.float32), ("point",) * len(own))


def test_a_draft_box_is_found_by_a_centre_or_an_overlap_and_a_region_is_false_without_either():
    drafts = np.array([(0, 0, 10, 10), (50, 0, 60, 10), (100, 0, 110, 10)], np.float32)
    own = regions((4, 4, 6, 6), (54, 0, 68, 10), (109, 0, 119, 10), (200, 0, 210, 10)).boxes
    found, false = judge(own, drafts)
    # The centre inside; IoU 6 of 18; IoU 1 of 19; far away.
    assert found.tolist() == [True, True, False]
    assert false.tolist() == [False, False, True, True]
    found, false = judge(own[:0], drafts)
    assert (found.tolist(), false.tolist()) == ([False] * 3, [])


def test_a_strength_is_chosen_on_one_half_and_judged_on_the_other():
    hit, wrong = (0.0, 0.0, 10.0, 10.0), (100.0, 0.0, 110.0, 10.0)
    pictures = [Picture(str(place), float(place), np.array([hit], np.float32), ("hotspot",)) for place in range(4)]
    found: dict[float, list[tuple[tuple[float, ...], ...]]] = {
        2.0: [(hit, wrong), (hit, wrong, wrong), (hit, wrong), (hit,)],
        4.0: [(hit, wrong), (wrong,), (hit,), ()],
        6.0: [(), (), (), ()],
    }
    by_strength = {
        strength: {str(place): regions(*boxes) for place, boxes in enumerate(rows)} for strength, rows in found.items()
    }
    # One false region per picture is allowed: the western half has 1.5 at 2, the eastern 0.5.
    assert (choose(by_strength, pictures[:2]), choose(by_strength, pictures[2:])) == (4.0, 2.0)
    figures = crossed(by_strength, pictures)
    assert (figures["west to east"]["recall"], figures["west to east"]["false_per_picture"]) == (0.5, 0.0)
    assert (figures["east to west"]["recall"], figures["east to west"]["false_per_picture"]) == (1.0, 1.5)
    assert score(by_strength[2.0], pictures)["right_shape"] == 1


@pytest.fixture(scope="module")
def folder() -> Path:
    return real_data("pv_pairs_xt2")


def test_real_anomalies_are_found_and_few_others(folder: Path):
    pictures = load_pictures(folder)
    compared, seconds = by_draft_masks(folder, pictures)
    figures = score(anomalies_of(compared, settings()), pictures)
    assert figures["recall"] >= 0.85
    assert figures["false_per_picture"] <= 1.4
    assert seconds < 1  # an eighth of that alone on a core


def test_the_anomalies_of_a_real_picture_do_not_hang_on_its_gain(folder: Path):
    from ddlivm.data import read_infrared, read_visible

    values = read_infrared(folder / "T-images" / "DJI_335_T.JPG").values
    panels = read_visible(folder / "draft_panel_masks" / "DJI_335.png")[..., 0] / np.float32(255)
    plain = find_anomalies(excess(values, panels, radiometric=False), settings())
    other = find_anomalies(excess(values * 3 + 40, panels, radiometric=False), settings())
    np.testing.assert_allclose(other.boxes, plain.boxes, atol=1)
    assert len(plain) > 3
