import numpy as np
import pytest

from ddlivm.errors import InputError
from ddlivm.simulation.plan import plan
from ddlivm.simulation.plants import DEFECTS, IMAGES


def test_pairs_and_defects_follow_the_papers_proportions() -> None:
    plans = plan(9, 2000, 7)
    counts = np.array([len(listed) for listed in plans.values()])
    defects = np.array([sum(len(each.kinds) for each in listed) for listed in plans.values()])
    assert counts.sum() == 2000
    np.testing.assert_allclose(counts / 2000, np.array(IMAGES) / sum(IMAGES), atol=0.002)
    np.testing.assert_allclose(defects / counts, 2 * np.array(DEFECTS) / np.array(IMAGES), rtol=0.03)


def test_every_site_has_a_pair_and_types_are_even() -> None:
    plans = plan(9, 9, 1)
    assert [len(listed) for listed in plans.values()] == [1] * 9
    kinds = [kind for each in plan(1, 400, 3)["site1"] for kind in each.kinds]
    _, counts = np.unique(kinds, return_counts=True)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1


def test_a_plan_depends_on_the_seed_alone() -> None:
    assert plan(3, 20, 5) == plan(3, 20, 5)
    assert plan(3, 20, 5) != plan(3, 20, 6)


@pytest.mark.parametrize(("sites", "pairs", "option"), [(0, 9, "--sites"), (10, 90, "--sites"), (9, 8, "--pairs")])
def test_senseless_numbers_are_refused(sites: int, pairs: int, option: str) -> None:
    with pytest.raises(InputError, match=option):
        plan(sites, pairs, 1)
