from dataclasses import replace

import numpy as np
import pytest

from ddlivm.alignment import align_pair, align_pairs
from ddlivm.alignment.search import score_maps
from ddlivm.data import Transform
from ddlivm.errors import InputError
from tests.alignment.scene import INFRARED, SECTION, VISIBLE, corner_error, draw

RIG = Transform(1.5, 38, 27, 0.0)
OTHER = Transform(1.3, 70, 40, 0.0)


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
def test_a_known_rig_is_found_within_a_pixel_with_masks_and_without(rig: Transform):
    evidence = [draw(rig, seed).evidence(str(seed)) for seed in range(3)]
    for known in (evidence, [pair.without_masks() for pair in evidence]):
        site, aligned = align_pairs(known, SECTION)
        assert corner_error(site.transform, rig) < 1
        assert site.confidence > 0.5
        assert site.flags == ()
        assert all(corner_error(alignment.transform, rig) < 1 for alignment in aligned.values())


def test_one_pair_alone_is_aligned_too(pairs):
    alone = align_pair(pairs[0], SECTION)
    assert corner_error(alone.transform, RIG) < 1
    assert alone.confidence > 0.5
    assert alone.residual == pytest.approx(0, abs=0.1)


def test_degrees_and_grey_levels_align_alike(drawn):
    grey = [replace(each, infrared=np.round(each.infrared * 4 + 10)) for each in drawn]
    site, _ = align_pairs([each.evidence(str(index)) for index, each in enumerate(grey)], SECTION)
    assert corner_error(site.transform, RIG) < 1


def test_the_same_pairs_give_the_same_answer_and_may_come_one_by_one(pairs):
    assert align_pairs(pairs, SECTION) == align_pairs(iter(pairs), SECTION)


def test_images_that_came_aligned_are_registered():
    ratio = Transform(VISIBLE[0] / INFRARED[0], 0, 0)
    pairs = [draw(ratio, seed).evidence(str(seed)) for seed in range(2)]
    site, aligned = align_pairs(pairs, SECTION)
    assert site.flags == ("registered",)
    assert all(alignment.flags == ("registered",) for alignment in aligned.values())
    assert corner_error(site.transform, ratio) < 1


def test_no_panels_anywhere_is_one_line(drawn):
    bare = [replace(each, infrared_mask=np.zeros((8, 8), np.float32)).evidence() for each in drawn]
    full = [replace(each, visible_mask=np.ones((8, 8), np.float32)).evidence() for each in drawn]
    for none in (bare, full, []):
        with pytest.raises(InputError, match=r"none of \d pairs shows panels") as raised:
            align_pairs(none, SECTION)
        assert "\n" not in str(raised.value)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (VISIBLE[1], VISIBLE[0], 3)).astype(np.uint8)


def test_a_pair_whose_structure_does_not_confirm_falls_back_to_the_site(drawn, pairs):
    fog = replace(drawn[0], visible=noise(9)).evidence("fog").without_masks()
    site, aligned = align_pairs([*pairs, fog], SECTION)
    assert set(aligned["fog"].flags) == {"low_confidence", "site_fallback"}
    assert aligned["fog"].transform == site.transform
    assert aligned["fog"].confidence < 0.5
    assert aligned["fog"].residual is None
    assert aligned["p0"].flags == ()
    assert corner_error(site.transform, RIG) < 1


def test_a_doubtful_pair_that_agrees_with_its_rig_is_as_sure_as_the_rig(drawn, pairs):
    """Its masks alone say where it lies: that is too little alone, and enough where others say the same."""
    fog = replace(drawn[0], visible=noise(9)).evidence("fog")
    assert align_pair(fog, SECTION).confidence < 0.5
    site, aligned = align_pairs([*pairs, fog], SECTION.model_copy(update={"tolerance": 20.0}))
    assert aligned["fog"].transform == site.transform
    assert aligned["fog"].confidence == site.confidence > 0.5


@pytest.mark.parametrize("level", [0, 255])
def test_a_blank_image_says_so_and_keeps_the_sites_transform(drawn, pairs, level: int):
    blank = replace(drawn[0], visible=np.full((VISIBLE[1], VISIBLE[0], 3), level, np.uint8)).evidence("blank")
    site, aligned = align_pairs([*pairs, blank], SECTION)
    assert set(aligned["blank"].flags) == {"blank_visible", "low_confidence", "site_fallback"}
    assert aligned["blank"].transform == site.transform


def test_two_places_put_together_and_a_turned_image_are_not_believed(drawn):
    other = draw(OTHER, 8)
    strangers = replace(drawn[0], visible=other.visible, visible_mask=other.visible_mask).evidence()
    turned = replace(
        drawn[0], infrared=np.rot90(drawn[0].infrared).copy(), infrared_mask=np.rot90(drawn[0].infrared_mask).copy()
    ).evidence()
    for wrong in (strangers, turned):
        found = align_pair(wrong, SECTION)
        assert found.confidence < 0.5
        assert "low_confidence" in found.flags


def test_a_pair_without_panels_says_so_and_does_not_decide(drawn, pairs):
    road = replace(drawn[1], infrared_mask=np.zeros((8, 8), np.float32)).evidence("road")
    site, aligned = align_pairs([*pairs, road], SECTION)
    assert "no_panels" in aligned["road"].flags
    assert corner_error(aligned["road"].transform, RIG) < 1
    assert site.flags == ()


def test_a_pair_that_lies_apart_gets_its_own_transform_and_one_within_tolerance_the_sites(pairs):
    far, near = Transform(1.5, 38 - 6, 27 + 4.5), Transform(1.5, 38 - 1.2, 27 + 0.9)
    others = [draw(far, 7).evidence("far"), draw(near, 8).evidence("near")]
    section = SECTION.model_copy(update={"tolerance": 12.0})  # three raw pixels of this small camera
    site, aligned = align_pairs([*pairs, *others], section)
    assert aligned["near"].transform == site.transform
    assert aligned["far"].residual == pytest.approx(5, abs=1)
    assert corner_error(aligned["far"].transform, far) < 1.5
    assert corner_error(site.transform, far) > 4


def test_a_rig_that_changes_on_the_way_is_two_rigs(pairs):
    later = [draw(OTHER, seed).evidence(f"q{seed}") for seed in range(3)]
    more = [draw(RIG, seed).evidence(f"p{seed}") for seed in range(3, 5)]
    fog = replace(draw(OTHER, 0), visible=noise(3)).evidence("fog")
    site, aligned = align_pairs([*pairs, *more, *later, fog], SECTION)
    assert corner_error(site.transform, RIG) < 1
    assert site.flags == ("rig_changed",)
    assert aligned["p0"].flags == ()
    for seed in range(3):
        assert corner_error(aligned[f"q{seed}"].transform, OTHER) < 1
        assert aligned[f"q{seed}"].flags == ("rig_changed",)
    assert corner_error(aligned["fog"].transform, OTHER) < 1


def test_a_pair_of_another_camera_does_not_decide_for_the_site(drawn, pairs):
    small = replace(drawn[0], infrared=drawn[0].infrared[:96, :120].copy()).evidence("small")
    site, aligned = align_pairs([small, *pairs], SECTION)
    assert corner_error(site.transform, RIG) < 1
    assert set(aligned) == {"small", "p0", "p1", "p2"}


def test_a_site_without_one_sure_pair_adds_up_what_it_has(pairs):
    doubting = SECTION.model_copy(update={"minimum_confidence": 1.0})
    site, aligned = align_pairs(pairs, doubting)
    assert corner_error(site.transform, RIG) < 1
    assert site.flags == ("low_confidence",)
    assert all(alignment.transform == site.transform for alignment in aligned.values())


def test_the_papers_method_finds_the_scale_and_knows_no_rotation(pairs):
    """Along the rows it cannot tell one module from the next."""
    site, _ = align_pairs(pairs, SECTION.model_copy(update={"method": "paper"}))
    assert site.transform.scale == pytest.approx(RIG.scale, rel=0.04)
    assert site.transform.rotation_deg == 0


@pytest.fixture
def searched(monkeypatch):
    """The names of pairs for which all scales were searched."""
    names: list[str] = []

    def search(pair):
        names.append(pair.name)
        return score_maps(pair)

    monkeypatch.setattr("ddlivm.alignment.matching.score_maps", search)
    return names


def test_a_known_rig_spares_the_search_over_scales_and_another_one_is_still_found(searched):
    flight = [draw(RIG, seed).evidence(f"first{seed}") for seed in range(5)]
    flight += [draw(OTHER, seed).evidence(f"second{seed}") for seed in range(3)]
    site, aligned = align_pairs(flight, SECTION)
    assert searched[:4] == ["first0", "first1", "first2", "second0"]
    assert corner_error(site.transform, RIG) < 1
    for seed in range(3):
        assert corner_error(aligned[f"second{seed}"].transform, OTHER) < 1
        assert "rig_changed" in aligned[f"second{seed}"].flags


def test_known_lenses_spare_the_search_and_wrong_ones_mislead_nobody(pairs, searched):
    right = replace(pairs[0], width_share=RIG.scale * INFRARED[0] / VISIBLE[0])
    assert corner_error(align_pair(right, SECTION).transform, RIG) < 1
    assert searched == []
    wrong = replace(pairs[0], width_share=0.5)
    assert corner_error(align_pair(wrong, SECTION).transform, RIG) < 1
    assert searched == ["p0"]
