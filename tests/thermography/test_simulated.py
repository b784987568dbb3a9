"""The excess against the only pictures whose truth is exact: rendered twice, with the defects and without."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ddlivm.simulation import pair as simulation
from ddlivm.simulation.plants import PLANTS
from ddlivm.thermography import excess, find_anomalies
from tests.thermography.drawn import settings

PARTS = ("internal_damage", "external_damage", "dirty", "diode_failure", "grass_tree")
"""Types that heat a part of a module, the rest of which is their reference. That of a whole module is its neighbours:
as wrong as healthy modules differ from one another."""
CASES = ((1, 5), (3, 5), (4, 7), (5, 7))
"""Radiometric sites, by their place in `PLANTS`, and seeds of pairs that show panels."""

Celsius = npt.NDArray[np.float32]


def celsius(pair: simulation.SimulatedPair) -> Celsius:
    return (pair.infrared * 0.01 - 273.15).astype(np.float32)


def panels(pair: simulation.SimulatedPair) -> npt.NDArray[np.float32]:
    mask = np.zeros(pair.infrared.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32) for outline in pair.panels["infrared"]], 1)
    return mask.astype(np.float32)


def healthy(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> Celsius:
    """Simulate a pair without its defects, everything that is drawn at random as with them."""
    place = simulation._place

    def drawn_and_left_out(*own: Any) -> tuple[()]:
        place(*own)
        return ()

    with monkeypatch.context() as patch:
        patch.setattr(simulation, "_place", drawn_and_left_out)
        return celsius(simulation.simulate_pair(*arguments))


def test_the_excess_is_what_the_defect_added(monkeypatch: pytest.MonkeyPatch):
    errors = []
    for plant, seed in CASES:
        arguments = PLANTS[plant], PARTS, seed, 1
        pair = simulation.simulate_pair(*arguments)
        truth = celsius(pair) - healthy(monkeypatch, *arguments)
        found = excess(celsius(pair), panels(pair), radiometric=True)
        for label in pair.labels:
            (x0, y0), (x1, y1) = np.floor(label.polygon.min(axis=0)), np.ceil(label.polygon.max(axis=0))
            region = np.s_[int(y0) : int(y1), int(x0) : int(x1)]
            if min(x1 - x0, y1 - y0) >= 5 and found.panels[region].any():
                on_panels = found.panels[region]
                errors.append(float(found.values[region].max() - truth[region][on_panels].max()))
    assert len(errors) >= 15
    # Healthy cells differ by 0.3 K, and what a cell would have been without its defect is not to be seen.
    assert np.median(np.abs(errors)) < 0.35
    assert np.mean(np.abs(errors) <= 0.5) >= 0.75


def test_the_anomalies_are_the_defects(monkeypatch: pytest.MonkeyPatch):
    kinds = ("internal_damage", "short_circuit", "open_circuit", "external_damage")
    found = false = labels = 0
    for plant, seed in CASES:
        pair = simulation.simulate_pair(PLANTS[plant], kinds, seed, 1)
        anomalies = find_anomalies(excess(celsius(pair), panels(pair), radiometric=True), settings())
        centres = (anomalies.boxes[:, :2] + anomalies.boxes[:, 2:]) / 2
        inside = np.zeros(len(anomalies), bool)
        for label in pair.labels:
            low, high = label.polygon.min(axis=0) - 2, label.polygon.max(axis=0) + 2
            held = ((centres >= low) & (centres <= high)).all(axis=1)
            inside |= held
            found += bool(held.any())
            labels += 1
        false += int((~inside).sum())
    assert labels >= 12
    assert found >= 0.85 * labels
    assert false <= len(CASES)


def test_a_healthy_simulated_picture_has_hardly_an_anomaly(monkeypatch: pytest.MonkeyPatch):
    counts = []
    for plant, seed in CASES:
        arguments = PLANTS[plant], PARTS, seed, 1
        values, mask = healthy(monkeypatch, *arguments), panels(simulation.simulate_pair(*arguments))
        counts.append(len(find_anomalies(excess(values, mask, radiometric=True), settings())))
    assert np.mean(counts) <= 1
