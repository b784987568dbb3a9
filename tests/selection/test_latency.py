import time

import numpy as np
import pytest

from ddlivm.selection.latency import TimedBank
from tests.selection.fakes import HEIGHT, WIDTH, FakeDetector, robust


class Slow(FakeDetector):
    """Takes as long as it is told to, a pair."""

    def encode_infrared(self, values, radiometric):
        time.sleep(0.02 * len(values))
        return super().encode_infrared(values, radiometric)

    def detect(self, head, infrared, visible, minimum_score=0.05):
        time.sleep(0.01 if head == "fast" else 0.05)
        return super().detect(head, infrared, visible, minimum_score)


def test_a_pairs_time_is_that_of_both_encoders_and_the_head():
    bank = TimedBank(Slow({"fast": robust, "slow": robust}))
    assert bank.seconds_per_pair("fast") is None
    infrared, visible = np.full((1, HEIGHT, WIDTH), 30, np.float32), np.zeros((1, 4, 4, 3), np.uint8)
    for pairs in (1, 3, 1):  # a batch of perturbed images counts for each of its images
        maps = bank.encode_infrared(np.repeat(infrared, pairs, axis=0), True)
        one = bank.encode_infrared(infrared, True)
        for head in bank.heads:
            found = bank.detect(head, one, bank.encode_visible(visible))
        assert len(maps[0]) == pairs and len(found) == 1
    assert bank.seconds_per_pair("fast") == pytest.approx(0.03, abs=0.015)
    assert bank.seconds_per_pair("slow") == pytest.approx(0.07, abs=0.015)


def test_finding_panels_counts_where_they_are_looked_for():
    bank = TimedBank(FakeDetector({"fast": robust}))
    panels = bank.timed(slow_panels)
    values, image = np.full((1, HEIGHT, WIDTH), 30, np.float32), np.zeros((1, 4, 4, 3), np.uint8)
    bank.detect("fast", bank.encode_infrared(values, True), bank.encode_visible(image))
    without = bank.seconds_per_pair("fast") or 0
    assert panels(image[0]).tolist() == [[1.0]]
    assert (bank.seconds_per_pair("fast") or 0) - without >= 0.05


def slow_panels(image):
    time.sleep(0.05)
    return np.ones((1, 1), np.float32)


def test_work_that_was_only_begun_is_waited_for():
    waited = []
    bank = TimedBank(FakeDetector({"fast": robust}), lambda: waited.append(1))
    bank.encode_visible(np.zeros((1, 4, 4, 3), np.uint8))
    assert waited == [1]
