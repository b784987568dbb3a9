from dataclasses import replace

import numpy as np
import pytest

from ddlivm.alignment import align_pair, align_pairs
from ddlivm.alignment.refinement import shifted
from ddlivm.data import Transform
from ddlivm.errors import InputError
from tests.alignment.scene import INFRARED, SECTION, VISIBLE, corner_error, draw

RIG = Transform(1.5, 38, 27, 0.0)


@pytest.fixture(scope="module")
def drawn():
    return [draw(RIG, seed) for seed in range(3)]


@pytest.fixture(scope="module")
def pairs(drawn):
    return [each.evidence(f"p{index}") for index, each in enumerate(drawn)]


@pytest.mark.parametrize(
    "rig",
    [
        RIG,
        Transform(1.3, 70, 40, 0.8),
        Transform(1.72, 12, 24, -0.5),
        Transform(1.05, 80, 65, 0.0),
        Transform(2.2, -15, -10, 0.3),  # the infrared camera sees more than the visible one
    ],
)
def test_a_known_rig_is_found_within_a_pixel(rig: Transform):
    truth = [draw(rig, seed) for seed in range(3)]
    site, aligned = align_pairs([each.evidence(str(index)) for index, each in enumerate(truth)], SECTION)
    assert corner_error(site.transform, rig) < 1
    assert site.flags == ()
    assert site.confidence > 0.5
    for alignment in aligned.values():
        assert corner_error(alignment.transform, rig) < 1
        assert alignment.flags == ()


def test_one_pair_alone_is_aligned_too_and_says_that_nothing_confirms_it(drawn):
    alone = align_pair(drawn[0].evidence(), SECTION)
    assert corner_error(alone.transform, RIG) < 1
    assert alone.flags == ("single_pair",)
    road = replace(drawn[1], infrared_mask=np.zeros((8, 8), np.float32)).evidence("road")
    assert align_pairs([drawn[0].evidence(), road], SECTION)[0].flags == ("single_pair",)


def test_degrees_and_grey_levels_align_alike(drawn):
    grey = [replace(each, infrared=np.round(each.infrared * 4 + 10)) for each in drawn]
    site, _ = align_pairs([each.evidence(str(index)) for index, each in enumerate(grey)], SECTION)
    assert corner_error(site.transform, RIG) < 1


def test_the_same_pairs_give_the_same_answer(pairs):
    assert align_pairs(pairs, SECTION) == align_pairs(pairs, SECTION)


def test_images_that_came_aligned_are_registered():
    ratio = Transform(VISIBLE[0] / INFRARED[0], 0, 0)
    pairs = [draw(ratio, seed).evidence(str(seed)) for seed in range(2)]
    site, aligned = align_pairs(pairs, SECTION)
    assert site.flags == ("registered",)
    assert all(alignment.flags == ("registered",) for alignment in aligned.values())
    assert corner_error(site.transform, ratio) < 1


def test_the_masks_alone_find_the_scale(pairs):
    """The paper's algorithm to the letter: along the rows it cannot tell one module from the next."""
    site, _ = align_pairs(pairs, SECTION.model_copy(update={"structure_weight": 0.0}))
    assert site.transform.scale == pytest.approx(RIG.scale, rel=0.03)
    assert site.transform.rotation_deg == 0


def test_without_panel_widths_all_scales_are_tried(drawn):
    """Masks of one blob that the frame cuts on every side measure nothing, and the structure finds the rig."""
    blobs = []
    for index, each in enumerate(drawn):
        infrared, visible = (np.ones_like(mask) for mask in (each.infrared_mask, each.visible_mask))
        infrared[:30, :30], visible[:60, :60] = 0, 0
        blobs.append(replace(each, infrared_mask=infrared, visible_mask=visible).evidence(str(index)))
    site, _ = align_pairs(blobs, SECTION.model_copy(update={"structure_weight": 0.8}))
    assert corner_error(site.transform, RIG) < 1


def test_no_panels_anywhere_is_one_line(drawn):
    bare = [replace(each, infrared_mask=np.zeros((8, 8), np.float32)).evidence() for each in drawn]
    full = [replace(each, visible_mask=np.ones((8, 8), np.float32)).evidence() for each in drawn]
    for none in (bare, full, []):
        with pytest.raises(InputError, match=f"none of {len(none)} pairs shows panels") as raised:
            align_pairs(none, SECTION)
        assert "\n" not in str(raised.value)


def test_a_pair_whose_structure_does_not_confirm_falls_back_to_the_site(drawn, pairs):
    noise = np.random.default_rng(9).integers(0, 255, (VISIBLE[1], VISIBLE[0], 3)).astype(np.uint8)
    site, aligned = align_pairs([*pairs, replace(drawn[0], visible=noise).evidence("fog")], SECTION)
    assert set(aligned["fog"].flags) == {"low_confidence", "site_fallback"}
    assert aligned["fog"].transform == site.transform
    assert aligned["fog"].confidence < SECTION.minimum_confidence
    assert aligned["p0"].flags == ()
    assert corner_error(site.transform, RIG) < 1


def test_a_pair_without_panels_says_so_and_keeps_the_sites_transform(drawn, pairs):
    road = replace(drawn[1], infrared_mask=np.zeros((8, 8), np.float32)).evidence("road")
    site, aligned = align_pairs([*pairs, road], SECTION)
    assert "no_panels" in aligned["road"].flags
    assert aligned["road"].transform == site.transform


def test_a_pair_that_lies_apart_gets_its_own_transform_and_one_within_tolerance_the_sites(pairs):
    far, near = shifted(RIG, (5.0, -4.0)), shifted(RIG, (1.2, 0.8))
    others = [draw(far, 7).evidence("far"), draw(near, 8).evidence("near")]
    site, aligned = align_pairs([*pairs, *others], SECTION.model_copy(update={"evidence_pairs": 3}))
    assert aligned["near"].transform == site.transform
    assert corner_error(aligned["far"].transform, far) < 1.5
    assert corner_error(site.transform, far) > 4


def test_a_pair_of_another_camera_does_not_decide_for_the_site(drawn, pairs):
    small = replace(drawn[0], infrared=drawn[0].infrared[:96, :120].copy()).evidence("small")
    site, aligned = align_pairs([small, *pairs], SECTION)
    assert corner_error(site.transform, RIG) < 1
    assert set(aligned) == {"small", "p0", "p1", "p2"}
