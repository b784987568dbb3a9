import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import ALL, resolve_fold
from ddlivm.errors import InputError

SITES = ("a", "b", "c", "d")


@given(st.sampled_from((*SITES, ALL)), st.lists(st.sampled_from(SITES), min_size=1, max_size=3, unique=True))
def test_a_site_is_either_learnt_from_or_tested_on(name: str, gate_sites: list[str]):
    fold = resolve_fold(name, SITES, gate_sites)
    assert not set(fold.sources) & set(fold.targets)
    assert set(fold.sources) | set(fold.targets) == set(SITES)
    assert fold.sources == tuple(site for site in SITES if site in fold.sources)
    assert fold.targets == (tuple(gate_sites) if name == ALL else (name,))


@pytest.mark.parametrize(
    ("name", "sites", "gate", "problem"),
    [
        ("e", SITES, ("a",), "'e' named in params.yaml is not in the data; it has a, b, c, d"),
        (ALL, SITES, ("e",), "'e' named in params.yaml"),
        ("a", SITES, ("e",), "'e' named in params.yaml"),
        (ALL, SITES, (), "no site to test on"),
        (ALL, ("a",), ("a",), "no site to learn from"),
        ("a", ("a",), ("a",), "no site to learn from"),
    ],
)
def test_a_fold_that_cannot_be_is_one_line(name: str, sites: tuple[str, ...], gate: tuple[str, ...], problem: str):
    with pytest.raises(InputError, match=problem):
        resolve_fold(name, sites, gate)


def test_each_source_site_has_its_series_and_others_stay_closed(tmp_path: Path):
    folders = []
    for site in ("d", "b", "a"):
        folders.append(tmp_path / f"of {site}")
        folders[-1].mkdir()
        (folders[-1] / "series.json").write_text(json.dumps({"site": site}))
    assert resolve_fold("c", ("a", "b", "c", "d"), ("a",)).source_series(folders) == {
        "a": folders[2],
        "b": folders[1],
        "d": folders[0],
    }
    assert resolve_fold("c", ("a", "c"), ("a",)).source_series([]) == {}
    with pytest.raises(InputError, match="'c' has no diffused series; run the hstd_augmentation stage"):
        resolve_fold("a", SITES, ("a",)).source_series(folders)
    (folders[0] / "series.json").write_text("[]")
    with pytest.raises(InputError, match=r"of d/series\.json: is not the augmentation stage's output"):
        resolve_fold("c", SITES, ("a",)).source_series(folders)
