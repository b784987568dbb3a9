from dataclasses import replace

import numpy as np
import pytest
import torch

from ddlivm.adaptation.calibrate import calibrated
from ddlivm.adaptation.cutouts import cutouts_of
from ddlivm.adaptation.judgement import Known, agreement, worth
from ddlivm.adaptation.record import Worth
from ddlivm.adaptation.views import Views, cut
from ddlivm.augmentation.sample import Sample
from ddlivm.data import Detections, box_outlines
from ddlivm.data.calibration import Calibration
from ddlivm.parameters import load_parameters
from tests.adaptation.flights import TILE, source_tiles
from tests.adaptation.test_parts import DIRTY, INTERNAL, plain_background
from tests.imports import ROOT

SETTINGS = load_parameters(ROOT / "params.yaml").adaptation.model_copy(
    update={"tile_size": (96, 96), "batch_size": 2, "memory_share": 0.25}
)


def views(**changes):
    settings = SETTINGS.model_copy(update=changes)
    tiles = source_tiles()
    return Views([plain_background()], cutouts_of(tiles), tiles, settings, 8, torch.device("cpu"))


def test_a_share_of_the_batches_is_of_source_tiles():
    batches = [batch for _, batch in views().epoch(1, 0)]
    sizes = [batch.truth.size for batch in batches]
    assert sizes.count(TILE) == 2
    assert sizes.count((96, 96)) == 6
    assert batches[0].visible.shape == (2, 3, 168, 168)


def test_a_batch_depends_on_the_seed_the_epoch_and_its_index_alone():
    whole = [batch for _, batch in views().epoch(3, 0)]
    shares, rest = zip(*views().epoch(3, 5), strict=True)
    assert shares == (5 / 8, 6 / 8, 7 / 8)
    assert all(torch.equal(one.infrared, two.infrared) for one, two in zip(whole[5:], rest, strict=True))
    other = next(batch for _, batch in views(seed=1).epoch(3, 0))
    assert not torch.equal(whole[0].infrared, other.infrared)


def test_a_tile_shows_the_same_ground_in_both_images():
    boxes = np.array([[40, 40, 60, 60]], np.float32)
    infrared = np.zeros((128, 160), np.float32)
    infrared[40:60, 40:60] = 1
    visible = np.zeros((224, 280, 3), np.uint8)
    visible[70:105, 70:105] = 255
    sample = Sample(infrared, visible, boxes, np.array([INTERNAL]), box_outlines(boxes))
    for seed in range(5):
        tile = cut(sample, (96, 96), np.random.default_rng(seed))
        ys, xs = np.nonzero(tile.infrared)
        rows, columns = np.nonzero(tile.visible[..., 0])
        if not len(tile.boxes):
            continue
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == tile.boxes[0].tolist()
        assert [columns.min(), rows.min()] == [xs.min() * 7 / 4, ys.min() * 7 / 4]


def known(*boxes):
    labels = np.array(boxes, np.float32).reshape(-1, 4)
    sample = Sample(
        np.zeros((64, 64), np.float32),
        np.zeros((112, 112, 3), np.uint8),
        labels,
        np.full(len(labels), INTERNAL),
        box_outlines(labels),
    )
    return Known(sample, 40.0)


def test_agreement_is_by_place_alone_and_any_type_joins_the_alternatives():
    pictures = [known((0, 0, 10, 10), (20, 20, 30, 30))]
    alternatives = np.zeros((2, 10), np.float32)
    alternatives[0, DIRTY] = 0.4
    found = [Detections(np.array([(0, 0, 10, 10), (50, 50, 60, 60)], np.float32), np.array([0.5, 0.6], np.float32),
                        np.array([DIRTY, DIRTY]), alternatives)]  # fmt: skip
    assert found[0].any_type == pytest.approx([0.7, 0.6])
    assert agreement(found, pictures, Calibration(0.55)) == Worth(0.0, 0.0)
    assert agreement(found, pictures, Calibration(0.65, any_type=True)) == Worth(1.0, 0.5)
    assert agreement(found, pictures, Calibration(0.55, any_type=True)) == Worth(0.5, 0.5)


def test_accuracy_and_recall_of_what_is_reported():
    pictures = [known((0, 0, 10, 10), (20, 20, 30, 30)), known()]
    right, wrong_type = (0, 0, 10, 10), (20, 20, 30, 30)
    found = [
        Detections.of([right, wrong_type, (50, 50, 60, 60)], [0.9, 0.8, 0.1], [INTERNAL, DIRTY, INTERNAL]),
        Detections.empty(),
    ]
    assert worth(found, pictures, Calibration(0.5)) == Worth(0.5, 0.5)
    assert worth(found, pictures, Calibration(0.95)) == Worth(0.0, 0.0)
    assert Worth(0.5, 1.0).measure(1.0) == pytest.approx(2 / 3)
    assert Worth(0.0, 0.0).measure(0.5) == 0.0


@pytest.mark.parametrize(("allowed", "most"), [(0.5, 5), (2.0, 20)])
def test_the_threshold_keeps_to_the_false_alarms_that_are_allowed(allowed, most):
    """Half of the sure detections are right, and each picture has two strays that are as sure."""
    rng = np.random.default_rng(0)
    pictures = [known((0, 0, 10, 10)) for _ in range(10)]
    found = [
        Detections.of([(0, 0, 10, 10), (40, 40, 50, 50), (40, 0, 50, 10)], rng.uniform(0.5, 0.9, 3), [INTERNAL] * 3)
        for _ in pictures
    ]
    settings = SETTINGS.model_copy(update={"false_alarms": allowed})
    calibration, alarms = calibrated(found, pictures, Calibration(0.5), settings)
    strays = sum(int((calibration.probabilities(entry.scores[1:]) >= calibration.threshold).sum()) for entry in found)
    assert strays <= most
    assert alarms == strays / 10
    assert alarms <= allowed


def test_what_the_shipped_calibration_says_of_heat_stands():
    """The known anomalies were found by their heat, which would otherwise decide alone."""
    rng = np.random.default_rng(0)
    pictures = [known((0, 0, 10, 10)) for _ in range(20)]
    found = [
        replace(
            Detections.of([(0, 0, 10, 10), (40, 40, 50, 50)], rng.uniform(0.5, 0.9, 2), [INTERNAL] * 2),
            heats=np.array([20, 0], np.float32),
        )
        for _ in pictures
    ]
    shipped = Calibration(0.5, 0.9, -1.0, heat=0.7, usual_heat=2.0)
    calibration, _ = calibrated(found, pictures, shipped, SETTINGS)
    assert (calibration.heat, calibration.usual_heat) == (0.7, 2.0)
    assert calibration.any_type


@pytest.mark.parametrize(("count", "sure"), [(3, False), (10, True)])
def test_few_pictures_without_a_false_alarm_promise_nothing(count, sure):
    pictures = [known((0, 0, 10, 10)) for _ in range(count)]
    found = [Detections.of([(0, 0, 10, 10)], [0.9], [INTERNAL]) for _ in pictures]
    settings = SETTINGS.model_copy(update={"false_alarms": 0.75})
    calibration, alarms = calibrated(found, pictures, Calibration(0.5), settings)
    assert (calibration.threshold < 1) == sure
    assert alarms == 0
