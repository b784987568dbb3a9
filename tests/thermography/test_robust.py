import numpy as np
import pytest

from ddlivm.thermography.robust import LEAST_DEVIATION, deviation, group_quantiles, weighted_medians


def test_the_deviation_of_normal_values_is_theirs_whatever_a_fifth_of_them_does():
    values = np.random.default_rng(0).normal(5, 2, 20_000)
    assert deviation(values) == pytest.approx(2, rel=0.03)
    values[:4000] = 1000
    assert deviation(values) < 3
    assert deviation(np.full(9, 7.0)) == deviation(np.zeros(0)) == LEAST_DEVIATION


def test_a_weighted_median_is_the_median_of_values_repeated_by_weight():
    values, weights = np.array([3.0, 1.0, 2.0, 10.0]), np.array([[1.0, 1, 1, 1], [0, 0, 0, 5], [1, 5, 1, 1]])
    assert weighted_medians(values, weights).tolist() == [2.0, 10.0, 1.0]


def test_quantiles_of_groups_are_those_of_each_group_alone():
    rng = np.random.default_rng(1)
    values, groups = rng.normal(size=500), rng.integers(0, 7, 500)
    found = group_quantiles(values, groups, 9, 0.35)
    for group in range(7):
        assert found[group] == np.quantile(values[groups == group], 0.35, method="lower")
    assert np.isnan(found[7:]).all()
