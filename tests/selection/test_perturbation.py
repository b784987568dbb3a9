"""The farthest defect of a type, and what a perturbed image looks like."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ddlivm.augmentation.contours import Contour, ThresholdContours
from ddlivm.data import AlignedPair, Detections, Infrared, Transform, load_taxonomy
from ddlivm.selection.perturbation import FarthestDefects, Perturbation, targets_of
from tests.selection.fakes import DIRTY, HEIGHT, SPOTS, WIDTH, aligned, bank, source_defect, write_pairs

NAMES = load_taxonomy().names
TARGET = (DIRTY, *SPOTS[0])


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> AlignedPair:
    return aligned(write_pairs(tmp_path_factory.mktemp("site5"), 2))[1]


def perturbation(*defects, window: int = 50, seed: int = 0) -> Perturbation:
    return Perturbation(FarthestDefects(bank(*defects)), ThresholdContours(), window, seed)


def test_the_farthest_of_the_type_agrees_with_brute_force() -> None:
    rng = np.random.default_rng(0)
    rows = [
        source_defect(int(rng.integers(10)), shares=tuple(rng.uniform(0.2, 1.1, 2)), annotation=number)
        for number in range(200)
    ]
    farthest = FarthestDefects(bank(*rows))
    for _ in range(40):
        kind, statistics = int(rng.integers(10)), rng.uniform(0.2, 1.1, 2)
        best, most = None, -1.0
        for row in rows:
            distance = abs(row.area_share - statistics[0]) + abs(row.perimeter_share - statistics[1])
            if row.kind == kind and distance > most:
                best, most = row, distance
        assert farthest.find(kind, statistics) is best
        assert farthest.substitute(kind) == "type"


def test_a_missing_type_takes_its_shape_group_then_any() -> None:
    dust, strip = source_defect(NAMES.index("dust")), source_defect(NAMES.index("diode_failure"))
    farthest = FarthestDefects(bank(strip, dust))
    assert farthest.find(DIRTY, (1, 1)) is dust
    assert farthest.substitute(DIRTY) == "shape"
    assert farthest.find(NAMES.index("short_circuit"), (1, 1)) is strip
    assert farthest.substitute(NAMES.index("short_circuit")) == "any"


def test_one_defect_is_added_near_the_detection(pair: AlignedPair) -> None:
    values = pair.infrared()
    perturbed = perturbation(source_defect(size=(10, 8), excess=25)).perturb(pair, values, [[TARGET]])[0]
    changed = perturbed != values
    assert changed.sum() == 80
    np.testing.assert_allclose((perturbed - values)[changed], 25, atol=1e-3)
    ys, xs = np.nonzero(changed)
    # A 50-pixel window of a 640-pixel image has 25 pixels in this one of 320.
    assert abs((xs.min() + xs.max() + 1) / 2 - 68) <= 13
    assert abs((ys.min() + ys.max() + 1) / 2 - 66) <= 13
    assert not changed[60:72, 60:76].any()


def test_the_same_detections_give_the_same_image_and_another_seed_another(pair: AlignedPair) -> None:
    values = pair.infrared()
    first = perturbation().perturb(pair, values, [[TARGET]])[0]
    np.testing.assert_array_equal(first, perturbation().perturb(pair, values, [[TARGET]])[0])
    assert (first != perturbation(seed=1).perturb(pair, values, [[TARGET]])[0]).any()


def test_what_a_plants_folder_is_called_changes_nothing(pair: AlignedPair) -> None:
    values = pair.infrared()
    elsewhere = replace(pair, pair=replace(pair.pair, site="request"))
    np.testing.assert_array_equal(
        perturbation().perturb(pair, values, [[TARGET]]), perturbation().perturb(elsewhere, values, [[TARGET]])
    )


def test_one_detection_more_leaves_the_others_perturbation(pair: AlignedPair) -> None:
    values = pair.infrared()
    both = perturbation().perturb(pair, values, [[TARGET, (DIRTY, *SPOTS[1])]])[0]
    one = perturbation().perturb(pair, values, [[TARGET]])[0]
    np.testing.assert_array_equal(both[:110, :130], one[:110, :130])
    assert (both[110:, 130:] != one[110:, 130:]).any()


def test_neighbours_are_not_pasted_over(pair: AlignedPair) -> None:
    values = pair.infrared()
    targets = [TARGET, (DIRTY, 80, 60, 90, 72), (DIRTY, 60, 76, 90, 90)]
    for seed in range(10):
        changed = perturbation(seed=seed).perturb(pair, values, [targets])[0] != values
        assert changed.any()
        assert not any(changed[y0:y1, x0:x1].any() for _, x0, y0, x1, y1 in targets)


def test_a_detection_larger_than_the_window_is_perturbed_beside_it(pair: AlignedPair) -> None:
    values = pair.infrared()
    changed = (
        perturbation(source_defect(size=(10, 8))).perturb(pair, values, [[(DIRTY, 100, 80, 180, 140)]])[0] != values
    )
    assert changed.sum() == 80
    assert not changed[80:140, 100:180].any()
    assert changed[72:148, 90:190].sum() == 80


def test_cut_outs_are_scaled_with_the_working_frame(pair: AlignedPair) -> None:
    half = AlignedPair(pair.pair, pair.transform, (WIDTH // 2, HEIGHT // 2))
    values = half.infrared()
    target = (DIRTY, 30, 30, 38, 36)
    changed = perturbation(source_defect(size=(12, 8))).perturb(half, values, [[target]])[0] != values
    assert changed.sum() == 6 * 4


def test_a_grey_target_takes_a_radiometric_defect_in_its_own_contrast(pair: AlignedPair) -> None:
    grey = AlignedPair(pair.pair, Transform(1.75, 0, 0), (WIDTH, HEIGHT))
    levels = np.tile(np.linspace(0, 100, WIDTH, dtype=np.float32), (HEIGHT, 1))
    grey.__dict__["raw_infrared"] = Infrared(levels, radiometric=False)
    values = grey.infrared()
    perturbed = perturbation(source_defect(excess=5)).perturb(grey, values, [[TARGET]])[0]
    change = (perturbed - values)[perturbed != values]
    np.testing.assert_allclose(change, 5 * 98 / 10, rtol=0.01)  # half of the spread there is half of the spread here


def test_targets_are_on_the_grid_inside_the_image_and_each_once() -> None:
    found = Detections.of(
        np.array([[10.2, 11.9, 20.1, 30], [10.9, 11.1, 21.9, 29.2], [-5, -5, 3, 3], [400, 10, 410, 20]]),
        [0.9] * 4,
        [4, 4, 1, 1],
    )
    assert targets_of(found, (WIDTH, HEIGHT)) == ((1, 0, 0, 4, 4), (4, 10, 10, 22, 30))


def test_an_empty_bank_changes_nothing(pair: AlignedPair, tmp_path: Path) -> None:
    from ddlivm.augmentation.source_defects import SourceDefects

    values = pair.infrared()
    empty = Perturbation(FarthestDefects(SourceDefects(())), ThresholdContours(), 50, 0)
    np.testing.assert_array_equal(empty.perturb(pair, values, [[TARGET]])[0], values)


class CountingContours(ThresholdContours):
    """Counts the boxes of each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def find(self, values: np.ndarray, boxes: np.ndarray) -> list[Contour]:
        self.calls.append(len(boxes))
        return super().find(values, boxes)


def test_lists_that_share_targets_share_their_contours(pair: AlignedPair) -> None:
    values, other = pair.infrared(), (DIRTY, *SPOTS[1])
    finder = CountingContours()
    together = Perturbation(FarthestDefects(bank()), finder, 50, 0).perturb(
        pair, values, [[TARGET], [TARGET, other], [other], []]
    )
    assert finder.calls == [2], "two targets, one look at the picture: with SAM, one embedding"
    for image, targets in zip(together, ([TARGET], [TARGET, other], [other]), strict=False):
        np.testing.assert_array_equal(image, perturbation().perturb(pair, values, [targets])[0])
    np.testing.assert_array_equal(together[3], values)
