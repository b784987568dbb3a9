"""Thresholds on flights that a head knows well, badly, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from ddlivm.data import Detections, Pair, PairAlignment, Transform
from ddlivm.inspection.basis import sentences
from ddlivm.inspection.inspection import InspectedPair
from ddlivm.inspection.thresholds import FEWEST_ANOMALIES, LEAST, Thresholds
from ddlivm.thermography import Anomalies

HOT, COLD = (10, 10, 20, 20), (100, 100, 110, 110)


def seen(score: float, elsewhere: float = 0.2) -> InspectedPair:
    """A pair with one anomaly, a detection there, and one where thermography reports nothing."""
    one, ones = np.ones(1, np.int64), np.ones(1, np.float32)
    anomalies = Anomalies(np.array([HOT], np.float32), one, ones, ones, ones, one * 0, "K")
    return InspectedPair(
        pair=Pair("plant", "0", Path("0_T.JPG"), Path("0_V.JPG")),
        size=(320, 256),
        common=(0, 0, 320, 256),
        alignment=PairAlignment(Transform(1.75, 0, 0), 1.0),
        detections=Detections.of([HOT, COLD], [score, elsewhere], [0, 0]),
        anomalies=anomalies,
        panel_share=0.5,
        place=None,
    )


def flight(*scores: float) -> list[InspectedPair]:
    return [seen(score) for score in scores]


def test_on_a_familiar_flight_the_shipped_threshold_stands():
    thresholds = Thresholds.of(flight(*[0.6] * 15, *[0.1] * 15), 0.5, familiar=0.5)
    assert thresholds == Thresholds(0.5, 0.5, 0.5)
    assert str(thresholds) == "0.5"


def test_on_another_it_falls_at_anomalies_until_enough_of_them_are_detected():
    thresholds = Thresholds.of(flight(*[0.6] * 3, *[0.3] * 12, *[0.1] * 15), 0.5, familiar=0.5)
    assert (thresholds.everywhere, thresholds.detected) == (0.5, 0.1)
    assert thresholds.at_anomalies == pytest.approx(0.3)
    assert str(thresholds) == "0.5 (0.3 at anomalies)"
    found = thresholds.reported(seen(0.3, elsewhere=0.4))
    assert found.detections.boxes.tolist() == [list(HOT)], "elsewhere the shipped threshold holds"
    assert len(found.anomalies) == 0
    missed = thresholds.reported(seen(0.2, elsewhere=0.6))
    assert missed.detections.boxes.tolist() == [list(COLD)]
    assert len(missed.anomalies) == 1


def test_it_never_falls_to_scores_that_say_nothing():
    assert Thresholds.of(flight(*[0.01] * 30), 0.5, familiar=0.5).at_anomalies == LEAST
    assert Thresholds.of(flight(*[0.01] * 30), 0.02, familiar=0.5).at_anomalies == 0.02
    empty = [seen(0.5)] * 30
    blind = [
        InspectedPair(**{**vars(entry), "detections": Detections.empty()})  # a head that detects nothing at all
        for entry in empty
    ]
    assert Thresholds.of(blind, 0.5, familiar=0.5) == Thresholds(0.5, LEAST, 0.0)


def test_a_few_anomalies_do_not_speak_against_a_head():
    few = flight(*[0.1] * (FEWEST_ANOMALIES - 1))
    assert Thresholds.of(few, 0.5, familiar=0.5) == Thresholds(0.5, 0.5)
    assert Thresholds.of([], 0.5, familiar=0.5) == Thresholds(0.5, 0.5)


def test_a_reader_is_told():
    rests_on = {
        "trained_on": ["site1"],
        "types": ["dust"],
        "score_threshold": 0.5,
        "score_threshold_at_anomalies": 0.2,
        "anomalies_detected": 0.1,
        "anomalies": {"strength": 8.5, "module": 3.5, "minimum_kelvin": 1.0},
        "common_ground": 1.0,
        "panels": 0.4,
        "pairs_without_panels": [],
        "files_left_out": 0,
    }
    line = sentences(rests_on)[2]
    assert "detects 10% of the anomalies" in line
    assert "from a score of 0.2 on" in line
    assert len(sentences(rests_on | {"score_threshold_at_anomalies": 0.5})) == len(sentences(rests_on)) - 1
