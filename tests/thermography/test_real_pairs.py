from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_pairs import Picture, Regions, by_draft_masks, choose, crossed, judge, load_pictures, score
from ddlivm.thermography import excess, find_anomalies
from tests.real_data import real_data
from tests.thermography.drawn import settings


def regions(*boxes: tuple[float, ...], scores: tuple[float, ...] | None = None) -> Regions:
    own = np.array(boxes, np.float32).reshape(-1, 4)
    values = np.array(scores if scores is not None else [1.0] * len(own), np.float32)
    return Regions(own, values, ("point",) * len(own))


def test_a_draft_box_is_found_by_a_centre_or_an_overlap_and_a_region_is_false_without_either():
    drafts = np.array([(0, 0, 10, 10), (50, 0, 60, 10), (100, 0, 110, 10)], np.float32)
    own = regions((4, 4, 6, 6), (54, 0, 68, 10), (109, 0, 119, 10), (200, 0, 210, 10)).boxes
    found, false = judge(own, drafts)
    # The centre inside; IoU 6 of 18; IoU 1 of 19; far away.
    assert found.tolist() == [True, True, False]
    assert false.tolist() == [False, False, True, True]
    found, false = judge(own[:0], drafts)
    assert (found.tolist(), false.tolist()) == ([False] * 3, [])


def test_a_threshold_is_chosen_on_one_half_and_judged_on_the_other():
    box = np.array([(0, 0, 10, 10)], np.float32)
    pictures = [Picture(str(place), float(place), box, ("hotspot",)) for place in range(4)]
    wrong = (100, 0, 110, 10)
    found = {
        "0": regions((0, 0, 10, 10), wrong, scores=(5, 4)),
        "1": regions((0, 0, 10, 10), wrong, wrong, scores=(2, 6, 3)),
        "2": regions((0, 0, 10, 10), wrong, scores=(4, 3.5)),
        "3": regions((0, 0, 10, 10), scores=(1,)),
    }
    # Two false ones are allowed on the western half: those of strength 6 and 4.
    assert choose(found, pictures[:2]) == pytest.approx(3, abs=1e-5)
    assert choose(found, pictures[2:]) == 0
    figures = crossed(found, pictures)
    assert (figures["west to east"]["recall"], figures["west to east"]["false_per_picture"]) == (0.5, 0.5)
    assert (figures["east to west"]["recall"], figures["east to west"]["false_per_picture"]) == (1.0, 1.5)
    assert score(found, pictures)["right_shape"] == 1


@pytest.fixture(scope="module")
def folder() -> Path:
    return real_data("pv_pairs_xt2")


def test_real_anomalies_are_found_and_few_others(folder: Path):
    found, seconds = by_draft_masks(folder, load_pictures(folder), settings())
    figures = score(found, load_pictures(folder))
    assert figures["recall"] >= 0.85
    assert figures["false_per_picture"] <= 1.4
    assert seconds < 1  # a tenth of that alone on a core


def test_the_anomalies_of_a_real_picture_do_not_hang_on_its_gain(folder: Path):
    from ddlivm.data import read_infrared, read_visible

    values = read_infrared(folder / "T-images" / "DJI_335_T.JPG").values
    panels = read_visible(folder / "draft_panel_masks" / "DJI_335.png")[..., 0] / np.float32(255)
    plain = find_anomalies(excess(values, panels, radiometric=False), settings())
    other = find_anomalies(excess(values * 3 + 40, panels, radiometric=False), settings())
    np.testing.assert_allclose(other.boxes, plain.boxes, atol=1)
    assert len(plain) > 3
