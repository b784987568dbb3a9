"""Thresholds on flights that a head knows well, badly, or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np

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


def test_on_another_a_detection_needs_less_score_at_an_anomaly():
    thresholds = Thresholds.of(flight(*[0.6] * 3, *[0.3] * 12, *[0.1] * 15), 0.5, familiar=0.5)
    assert thresholds == Thresholds(0.5, LEAST, 0.1)
    assert str(thresholds) == "0.5 (0.05 at anomalies)"
    found = thresholds.reported(seen(0.1, elsewhere=0.4))
    assert found.detections.boxes.tolist() == [list(HOT)], "elsewhere the shipped threshold holds"
    assert len(found.anomalies) == 0
    missed = thresholds.reported(seen(0.04, elsewhere=0.6))
    assert missed.detections.boxes.tolist() == [list(COLD)]
    assert len(missed.anomalies) == 1


def test_no_threshold_rises():
    assert Thresholds.of(flight(*[0.01] * 30), 0.02, familiar=0.5) == Thresholds(0.02, 0.02, 0.0)


def test_a_head_that_detects_nothing_changes_nothing():
    blind = replace(seen(0.5), detections=Detections.empty())
    thresholds = Thresholds.of([blind] * 30, 0.5, familiar=0.5)
    assert thresholds.detected == 0
    assert len(thresholds.reported(blind).anomalies) == 1


def test_what_is_unsure_and_far_larger_hides_no_anomaly_and_of_several_the_best_stands_for_one():
    large, close = (0, 0, 40, 40), (11, 11, 21, 21)
    entry = replace(seen(0.5), detections=Detections.of([large, HOT, close], [0.4, 0.3, 0.2], [0, 1, 2]))
    found = Thresholds(0.5, 0.1).reported(entry)
    assert found.detections.boxes.tolist() == [list(HOT)]
    alone = Thresholds(0.5, 0.1).reported(replace(entry, detections=entry.detections[:1]))
    assert (len(alone.detections), len(alone.anomalies)) == (0, 1)


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
    assert "a score of 0.2 on" in line
    assert len(sentences(rests_on | {"score_threshold_at_anomalies": 0.5})) == len(sentences(rests_on)) - 1
