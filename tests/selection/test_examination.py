"""Heads with known behaviour: the robust one is chosen, and the encoders run no more than they must."""

import numpy as np
import pytest

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import Detections, load_taxonomy
from ddlivm.selection.examination import choose_head, examine_pairs
from tests.selection.fakes import (
    DIRTY,
    FakeDetector,
    aligned,
    bank,
    chain_of,
    finds_nothing,
    fragile,
    frugal,
    inventive,
    robust,
    source_defect,
    unsure,
    write_pairs,
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return aligned(write_pairs(tmp_path_factory.mktemp("site5"), 6))


def test_a_robust_head_beats_fragile_ones(pairs) -> None:
    detector = FakeDetector({"fcos-002": fragile, "fcos-004": fragile, "mask_rcnn-002": robust})
    selection = choose_head(chain_of(detector), pairs, bank())
    assert (selection.chosen, selection.tie) == ("mask_rcnn-002", False)
    scores = {entry.head: entry.score or 0.0 for entry in selection.candidates}
    assert scores["mask_rcnn-002"] == 1
    assert 0 < scores["fcos-002"] == scores["fcos-004"] < 0.7


def test_a_head_that_finds_almost_nothing_cannot_win(pairs) -> None:
    detector = FakeDetector({"fcos-002": fragile, "fcos-004": fragile, "mask_rcnn-002": frugal})
    selection = choose_head(chain_of(detector), pairs, bank())
    assert selection.candidates[2].score == 1
    assert not selection.candidates[2].eligible
    assert selection.chosen == "fcos-004"
    assert selection.tie, "the two fragile heads are the same"


def test_each_encoder_runs_once_and_once_more_for_each_distinct_perturbed_image(pairs) -> None:
    detector = FakeDetector({"fcos-002": robust, "fcos-004": robust, "mask_rcnn-002": frugal, "mask_rcnn-004": unsure})
    images = [entry.trial.images if entry.trial else 0 for entry in examine_pairs(chain_of(detector), pairs, bank())]
    # `frugal` finds one of the two spots in one of the six pairs: one more perturbed image, for that pair alone.
    assert sorted(images) == [1, 1, 1, 1, 1, 2]
    assert detector.encoded == {"visible": 6, "infrared": 6 + 7}


def test_a_cap_perturbs_fewer_pairs_and_still_detects_on_all(pairs) -> None:
    detector = FakeDetector({"fcos-002": robust})
    examinations = list(examine_pairs(chain_of(detector, maximum_pairs=2), pairs, bank()))
    assert len(examinations) == 6
    assert sum(entry.trial is not None for entry in examinations) == 2
    assert all(len(entry.detections["fcos-002"]) == 2 for entry in examinations)


@pytest.mark.parametrize("seed", range(4))
def test_an_inspection_judges_the_pairs_that_the_stage_judges(pairs, seed) -> None:
    chain = chain_of(FakeDetector({"fcos-002": frugal}), maximum_pairs=1, seed=seed)
    looked_at = np.random.default_rng(seed).permutation(len(pairs))[:2]
    for all_pairs, count in ((True, len(pairs)), (False, 1 if looked_at[0] == 0 else 2)):
        examinations = list(examine_pairs(chain, pairs, bank(), all_pairs=all_pairs))
        judged = [entry.pair.pair.name for entry in examinations if entry.trial is not None]
        assert (len(examinations), judged) == (count, ["p0"] if 0 in looked_at else [])


def test_agreement_perturbs_nothing_looks_at_every_pair_and_leaves_the_odd_head_out(pairs) -> None:
    heads = {"fcos-002": robust, "fcos-004": inventive, "mask_rcnn-002": robust, "mask_rcnn-004": robust}
    detector = FakeDetector(heads)
    selection = choose_head(chain_of(detector, score="agreement", maximum_pairs=2), pairs, bank())
    assert detector.encoded == {"visible": 6, "infrared": 6}
    assert selection.pairs == 6
    scores = {entry.head: entry.score for entry in selection.candidates}
    # The three agree on both spots; the fourth finds these and two that nobody else does.
    assert scores == pytest.approx({"fcos-002": 1, "fcos-004": 0.5, "mask_rcnn-002": 1, "mask_rcnn-004": 1})
    assert (selection.chosen, selection.tie) == ("fcos-002", True)
    without_bank = choose_head(
        chain_of(FakeDetector(heads), score="agreement", maximum_pairs=2), pairs, SourceDefects(())
    )
    assert without_bank == selection


def test_one_pair_is_not_enough_to_choose(pairs) -> None:
    selection = choose_head(chain_of(FakeDetector({"fcos-002": fragile, "mask_rcnn-002": robust})), pairs[:1], bank())
    assert (selection.chosen, selection.tie, selection.pairs) == ("fcos-002", True, 1)
    assert "one pair is too few" in selection.notes[0]


def test_a_detection_at_the_border_is_perturbed_inside_the_image(pairs) -> None:
    seen = []

    def at_the_corner(values: np.ndarray) -> Detections:
        seen.append(values.copy())
        return Detections.of([[-4, -3, 9, 8]], [0.9], [DIRTY])

    detector = FakeDetector({"fcos-002": at_the_corner})
    trials = [entry.trial for entry in examine_pairs(chain_of(detector), pairs, bank())]
    assert [trial.held["fcos-002"].tolist() for trial in trials if trial is not None] == [[1.0]] * len(pairs)
    changes = [after - before for before, after in zip(seen[::2], seen[1::2], strict=True)]
    assert [np.count_nonzero(change) for change in changes] == [14 * 12] * len(pairs), "all of the cut-out"
    assert not any(change[:8, :9].any() for change in changes)


def test_references_detect_and_are_never_candidates(pairs) -> None:
    detector = FakeDetector({"fcos-002": robust})
    (first, *_) = examine_pairs(chain_of(detector), pairs, bank(), detector.references)
    assert set(first.detections) == {"fcos-002", "untrained", "infrared_only"}
    assert first.trial is not None
    assert set(first.trial.held) == {"fcos-002"}


def test_detections_below_the_threshold_are_reported_and_not_perturbed(pairs) -> None:
    (first, *_) = examine_pairs(chain_of(FakeDetector({"fcos-002": unsure})), pairs, bank())
    assert len(first.detections["fcos-002"]) == 2
    assert first.trial is None


def test_one_seed_one_choice(pairs) -> None:
    heads = {"fcos-002": fragile, "mask_rcnn-002": robust}
    first, second = (choose_head(chain_of(FakeDetector(heads)), pairs, bank()) for _ in range(2))
    assert first == second


def test_examined_pairs_leave_no_pixels_behind(pairs) -> None:
    list(examine_pairs(chain_of(FakeDetector({"fcos-002": robust})), pairs, bank()))
    assert not any("raw_infrared" in vars(pair) or "raw_visible" in vars(pair) for pair in pairs)


@pytest.mark.parametrize(
    ("source_defects", "heads", "note"),
    [
        (bank(source_defect(load_taxonomy().index("dust"))), {"fcos-002": robust}, "defects of its shape group"),
        (bank(source_defect(load_taxonomy().index("short_circuit"))), {"fcos-002": robust}, "defects of any type"),
        (SourceDefects(()), {"fcos-002": robust, "mask_rcnn-002": fragile}, "bank is empty"),
        (bank(), {"fcos-002": finds_nothing}, "most heads detected nothing"),
    ],
)
def test_what_was_missing_is_said(pairs, source_defects, heads, note) -> None:
    selection = choose_head(chain_of(FakeDetector(heads)), pairs, source_defects)
    assert selection.chosen == "fcos-002"
    assert any(note in line for line in selection.notes)


def test_an_empty_bank_perturbs_nothing(pairs) -> None:
    detector = FakeDetector({"fcos-002": robust, "mask_rcnn-002": fragile})
    selection = choose_head(chain_of(detector), pairs, SourceDefects(()))
    assert detector.encoded["infrared"] == 0, "no pair needs a look"
    list(examine_pairs(chain_of(detector), pairs, SourceDefects(())))
    assert detector.encoded["infrared"] == len(pairs)
    assert [entry.score for entry in selection.candidates] == [None, None]


def test_a_head_alone_stands_and_says_that_nobody_agrees(pairs) -> None:
    selection = choose_head(chain_of(FakeDetector({"fcos-002": robust}), score="agreement"), pairs, bank())
    assert (selection.chosen, selection.tie) == ("fcos-002", True)
    assert selection.notes == ("fcos-002 is the only head, which agrees with nobody: it stands",)


def test_no_pairs_give_the_default() -> None:
    selection = choose_head(chain_of(FakeDetector({"fcos-002": robust, "mask_rcnn-002": robust})), [], bank())
    assert (selection.chosen, selection.tie, selection.pairs) == ("fcos-002", True, 0)
    assert np.all([entry.score is None for entry in selection.candidates])
