"""From a pair to its detections, with a detector that finds what it is told to."""

import numpy as np
import numpy.typing as npt
import pytest

from ddlivm.data import AlignedPair, Detections, load_taxonomy
from ddlivm.data.calibration import Calibration
from ddlivm.thermography import heats
from tests.selection.fakes import DIRTY, HEIGHT, WIDTH, FakeDetector, aligned, chain_of, robust, write_pairs

DUST = load_taxonomy().index("dust")
BOX, CLOSE, FAR = (60, 60, 76, 72), (61, 60, 77, 72), (200, 150, 212, 164)
FOUND = Detections.of([CLOSE, BOX, FAR, BOX], [0.6, 0.8, 0.4, 0.7], [DUST, DIRTY, DUST, DIRTY])
CALIBRATED = {"fcos-002": Calibration(0.5, slope=2.0, offset=-1.0)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> AlignedPair:
    return aligned(write_pairs(tmp_path_factory.mktemp("site5"), 1))[0]


def always(values: npt.NDArray[np.float32]) -> Detections:
    return FOUND


def left_half(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Panels in the left half of the ground that both cameras show."""
    share = np.zeros((16, 16), np.float32)
    share[:, :8] = 1
    return share


def test_of_one_place_the_best_type_stays_and_the_others_are_its_alternatives(pair: AlignedPair) -> None:
    chain = chain_of(FakeDetector({"fcos-002": always}), calibrations=CALIBRATED)
    found = chain.detect("fcos-002", chain.see(pair))
    worth = CALIBRATED["fcos-002"].probabilities(np.array([0.8, 0.4, 0.6], np.float32))
    assert worth[0] == pytest.approx(1 / (1 + np.exp(1 - 2 * np.log(4))), abs=1e-5)
    np.testing.assert_array_equal(found.on_panels.boxes, [BOX, FAR])
    np.testing.assert_array_equal(found.on_panels.scores, worth[:2])
    assert found.on_panels.classes.tolist() == [DIRTY, DUST]
    assert found.on_panels.alternatives is not None
    expected = np.zeros((2, len(load_taxonomy())), np.float32)
    expected[0, DUST] = worth[2]
    np.testing.assert_array_equal(found.on_panels.alternatives, expected)
    assert len(found.beside) == 0


def test_what_lies_beside_the_panels_is_told_apart(pair: AlignedPair) -> None:
    chain = chain_of(FakeDetector({"fcos-002": always}), left_half, CALIBRATED)
    found = chain.detect("fcos-002", chain.see(pair))
    assert found.on_panels.boxes.tolist() == [list(BOX)]
    assert found.beside.boxes.tolist() == [list(FAR)]
    np.testing.assert_array_equal(found.beside.scores, CALIBRATED["fcos-002"].probabilities(FOUND.scores[2:3]))


def test_what_is_hotter_is_likelier_and_what_cannot_be_measured_is_as_its_score_says(pair: AlignedPair) -> None:
    hot = {"fcos-002": Calibration(0.5, heat=2.0, usual_heat=2.0)}
    chain = chain_of(FakeDetector({"fcos-002": always}), left_half, hot)
    view = chain.see(pair)
    assert view.excess is not None
    found = chain.detect("fcos-002", view)
    (heat,) = heats(view.excess, pair.frame.to_raw(np.array([BOX], np.float32)))
    expected = hot["fcos-002"].probabilities(np.array([0.8], np.float32), np.array([heat]))
    assert expected != pytest.approx([0.8])
    np.testing.assert_array_equal(found.on_panels.scores, expected)
    assert found.on_panels.heats == pytest.approx([heat])
    assert found.beside.heats is None
    assert found.beside.scores == pytest.approx([0.4])


def test_a_box_needs_its_share_of_panels(pair: AlignedPair) -> None:
    across = Detections.of([(WIDTH / 2 - 80, 0, WIDTH / 2 + 80, HEIGHT)], [0.9], [DIRTY])  # half of it
    for share, kept in ((0.45, 1), (0.55, 0)):
        chain = chain_of(FakeDetector({"fcos-002": lambda _: across}), left_half, panel_share=share)
        found = chain.detect("fcos-002", chain.see(pair))
        assert (len(found.on_panels), len(found.beside)) == (kept, 1 - kept)


def test_null_and_zero_switch_both_off(pair: AlignedPair) -> None:
    def refuse(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise AssertionError("no panels are needed")

    chain = chain_of(FakeDetector({"fcos-002": always}), refuse, duplicate_overlap=None, panel_share=0.0)
    view = chain.see(pair)
    assert view.panels is None
    found = chain.detect("fcos-002", view)
    np.testing.assert_array_equal(found.on_panels.boxes, FOUND.boxes)
    np.testing.assert_array_equal(found.on_panels.scores, FOUND.scores)
    assert found.on_panels.alternatives is None
    assert len(found.beside) == 0


def test_a_perturbed_images_features_are_what_is_detected_on(pair: AlignedPair) -> None:
    chain = chain_of(FakeDetector({"fcos-002": robust}))
    view = chain.see(pair)
    cold = chain.detector.encode_infrared(view.values[None] * 0, True)
    assert len(chain.detect("fcos-002", view).on_panels) == 2
    assert len(chain.detect("fcos-002", view, cold).on_panels) == 0
    assert len(chain.detect("fcos-002", view).on_panels) == 2


def test_heads_without_a_calibration_keep_their_scores_and_the_sections_threshold(pair: AlignedPair) -> None:
    chain = chain_of(FakeDetector({"fcos-002": robust, "fcos-004": robust}), calibrations=CALIBRATED)
    assert chain.calibration("fcos-002") == CALIBRATED["fcos-002"]
    assert chain.calibration("fcos-004") == Calibration(0.3)
    assert chain.detect("fcos-004", chain.see(pair)).on_panels.scores == pytest.approx([0.9, 0.9])


def test_the_untrained_reference_has_encoders_of_its_own(pair: AlignedPair) -> None:
    detector = FakeDetector({})
    chain = chain_of(detector)
    view = chain.see(pair)
    found = chain.detect("untrained", view).on_panels
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    assert found.scores == pytest.approx([0.06])
