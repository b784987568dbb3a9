"""Eq. 3 against the formula written out, and what must hold for any hotspot."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.augmentation.diffusion import RING, Kernel, background, diffuse, heat_hotspots

SENSOR = (-40.0, 150.0)


def formula(field: npt.NDArray[np.float64], kernel: Kernel, sigma: float, steps: int) -> list[npt.NDArray[np.float64]]:
    """Eq. 3 in double precision, pixel by pixel; a neighbour beyond the border is the border's own pixel."""
    height, width = field.shape
    series = []
    for _ in range(steps):
        after = field.copy()
        for y in range(height):
            for x in range(width):
                laplacian = 0.0
                for row in (-1, 0, 1):
                    for column in (-1, 0, 1):
                        beside = field[min(max(y + row, 0), height - 1), min(max(x + column, 0), width - 1)]
                        weight = kernel.corner_weight if row and column else kernel.edge_weight
                        if not (row or column):
                            weight = -4 * (kernel.corner_weight + kernel.edge_weight) if kernel.conservative else -1.0
                        laplacian += weight * beside
                after[y, x] = field[y, x] + sigma * laplacian
        field = after
        series.append(field)
    return series


@pytest.mark.parametrize("conservative", [False, True])
def test_it_is_the_formula(conservative: bool) -> None:
    field = np.random.default_rng(3).uniform(0, 1, (13, 17))
    kernel = Kernel(0.1, 0.4, conservative)
    expected = formula(field, kernel, 0.3, 5)
    np.testing.assert_allclose(diffuse(field.astype(np.float32), kernel, 0.3, 5), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 129, 300])
def test_several_fields_at_once_are_each_alone(count: int) -> None:
    fields = np.random.default_rng(4).uniform(0, 30, (9, 11, count)).astype(np.float32)
    together = diffuse(fields, Kernel(), 0.2, 4)
    assert together.shape == (4, 9, 11, count)
    for index in range(count):
        np.testing.assert_allclose(together[..., index], diffuse(fields[..., index], Kernel(), 0.2, 4), rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.1, 0.2, 0.3])
def test_a_constant_field_grows_by_one_plus_sigma_or_not_at_all(sigma: float) -> None:
    field = np.full((8, 9), 10, dtype=np.float32)
    grown = diffuse(field, Kernel(), sigma, 5)
    np.testing.assert_allclose(grown[-1], 10 * (1 + sigma) ** 5, rtol=1e-5)
    np.testing.assert_allclose(diffuse(field, Kernel(conservative=True), sigma, 5)[-1], 10, rtol=1e-6)


@given(
    seed=st.integers(0, 1000),
    sigma=st.floats(0, 0.49),
    corner=st.floats(0, 0.1),
    edge=st.floats(0, 0.4),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
@settings(max_examples=60, deadline=None)
def test_conservative_diffusion_keeps_the_energy_and_makes_no_new_extremes(
    seed: int, sigma: float, corner: float, edge: float, shape: tuple[int, int]
) -> None:
    field = np.random.default_rng(seed).uniform(0, 50, shape).astype(np.float32)
    series = diffuse(field, Kernel(corner, edge, conservative=True), sigma, 5)
    np.testing.assert_allclose(series.sum(axis=(1, 2), dtype=float), field.sum(dtype=float), rtol=1e-4)
    # Stable where no weight of the explicit step is negative: σ 4 (η₁ + η₂) <= 1, as here.
    assert series.max() <= field.max() * (1 + 1e-5)
    assert series.min() >= field.min() - 1e-3


def image_with(*boxes: tuple[int, int, int, int], hot: float = 20.0) -> tuple[np.ndarray, list[np.ndarray]]:
    values = np.full((48, 64), 30, dtype=np.float32)
    masks = []
    for x0, y0, x1, y1 in boxes:
        mask = np.zeros(values.shape, dtype=bool)
        mask[y0:y1, x0:x1] = True
        values[mask] = 30 + hot
        masks.append(mask)
    return values, masks


@pytest.mark.parametrize("conservative", [False, True])
def test_heat_flows_one_pixel_an_iteration_into_the_area_around(conservative: bool) -> None:
    values, masks = image_with((20, 20, 28, 26))
    (heating,) = heat_hotspots(values, masks, Kernel(conservative=conservative), 0.2, 3, SENSOR)
    assert heating.box == (17, 17, 31, 29)
    assert heating.hotspots == (0,)
    energy = heating.changes.sum(axis=(1, 2), dtype=float) + 20 * 8 * 6
    growth = 1.0 if conservative else 1.2
    np.testing.assert_allclose(energy, 20 * 8 * 6 * growth ** np.arange(1, 4), rtol=1e-5)
    assert (heating.changes[0, :2] == 0).all(), "after one step heat is one pixel outside, not two"
    assert (heating.changes[0, 2, 4:-4] > 0).all()


def test_touching_hotspots_are_diffused_together_and_distant_ones_apart() -> None:
    values, masks = image_with((10, 10, 16, 16), (19, 10, 25, 16), (50, 30, 56, 36))
    heatings = heat_hotspots(values, masks, Kernel(), 0.2, 2, SENSOR)
    assert sorted(heating.hotspots for heating in heatings) == [(0, 1), (2,)]
    both = next(heating for heating in heatings if heating.hotspots == (0, 1))
    assert both.box == (8, 8, 27, 18)
    # Eq. 3 is linear: between them the heat of both adds up.
    alone = heat_hotspots(*image_with((10, 10, 16, 16)), Kernel(), 0.2, 2, SENSOR)[0]
    np.testing.assert_allclose(both.changes[:, :, :8], alone.changes[:, :, :8], atol=1e-4)


def test_a_group_that_grows_takes_in_what_it_reaches() -> None:
    # The first two are apart until the third joins them.
    values, masks = image_with((5, 5, 8, 8), (30, 5, 33, 8), (12, 5, 26, 8), (50, 40, 52, 42))
    heatings = heat_hotspots(values, masks, Kernel(), 0.2, 2, SENSOR)
    assert [heating.hotspots for heating in heatings] == [(0, 1, 2), (3,)]
    assert heatings[0].box == (3, 3, 35, 10)


def test_a_hotspot_at_the_border_keeps_its_heat_in_the_image() -> None:
    values, masks = image_with((0, 0, 6, 5), (58, 43, 64, 48))
    for heating in heat_hotspots(values, masks, Kernel(conservative=True), 0.3, 5, SENSOR):
        x0, y0, x1, y1 = heating.box
        assert 0 <= x0 < x1 <= 64
        assert 0 <= y0 < y1 <= 48
        np.testing.assert_allclose(heating.changes.sum(axis=(1, 2), dtype=float), 0, atol=0.05)


@given(hot=st.floats(0, 200), low=st.floats(-60, 29), width=st.floats(5, 200), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_no_value_leaves_the_sensors_range(hot: float, low: float, width: float, seed: int) -> None:
    values, masks = image_with((20, 20, 30, 30), hot=hot)
    values += np.random.default_rng(seed).normal(0, 1, values.shape).astype(np.float32)
    limits = (low, low + width)
    for heating in heat_hotspots(values, masks, Kernel(), 0.3, 5, limits):
        x0, y0, x1, y1 = heating.box
        before = values[y0:y1, x0:x1]
        after = before + heating.changes
        assert (after <= np.maximum(limits[1], before) + 1e-3).all()
        assert (after >= np.minimum(limits[0], before) - 1e-3).all()


def test_what_is_below_the_background_stays() -> None:
    values, masks = image_with((20, 20, 28, 26), hot=-5)
    assert all((heating.changes == 0).all() for heating in heat_hotspots(values, masks, Kernel(), 0.3, 5, SENSOR))


def test_no_hotspots_no_heating() -> None:
    assert heat_hotspots(np.zeros((4, 4), np.float32), [], Kernel(), 0.2, 5, SENSOR) == []
    empty = np.zeros((4, 4), dtype=bool)
    assert heat_hotspots(np.zeros((4, 4), np.float32), [empty], Kernel(), 0.2, 5, SENSOR) == []


def test_the_background_is_the_panel_even_where_half_of_the_ring_is_ground() -> None:
    values = np.full((30, 30), 99, dtype=np.float32)
    values[10 - RING : 20 + RING, 10 - RING : 20 + RING] = 25
    values[10:20, 10:20] = 60
    assert background(values, (10, 10, 20, 20)) == 25
    values[14:, :] = np.where(values[14:, :] == 25, 5, values[14:, :])
    assert background(values, (10, 10, 20, 20)) == 25
    assert background(np.full((5, 5), 7, np.float32), (0, 0, 5, 5)) == 7, "a box over the whole image"
