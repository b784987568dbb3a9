import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import ALL, SetAside, resolve_fold
from ddlivm.errors import InputError

SITES = ("a", "b", "c", "d")


@given(st.sampled_from((*SITES, ALL)), st.permutations(SITES))
def test_a_site_is_learnt_from_set_aside_or_tested_on(name: str, order: list[str]):
    fold = resolve_fold(name, SITES, ("b",), SetAside.of([[site] for site in order]))
    parts = (*fold.sources, *fold.set_aside, *fold.targets)
    assert sorted(parts) == list(SITES)
    assert len(fold.set_aside) == 1


@pytest.mark.parametrize(
    ("aside", "problem"),
    [
        (SetAside((("c",), ("a", "c"))), "calibration.sites: every group has a site that fold 'c' holds out"),
        (SetAside((("a", "e"),)), "calibration.sites: 'e' is not in the data; it has a, b, c, d"),
        (SetAside((("a", "b", "d"),)), "no site to learn from"),
    ],
)
def test_what_cannot_be_set_aside_is_one_line(aside: SetAside, problem: str):
    with pytest.raises(InputError, match=problem) as raised:
        resolve_fold("c", SITES, ("b",), aside)
    assert "\n" not in str(raised.value)


def test_a_site_that_is_set_aside_needs_no_series(tmp_path: Path):
    folders = []
    for site in ("a", "b"):
        folders.append(tmp_path / site)
        folders[-1].mkdir()
        (folders[-1] / "series.json").write_text(json.dumps({"site": site}))
    fold = resolve_fold("c", SITES, ("b",), SetAside((("d",),)))
    assert fold.source_series(folders) == dict(zip(("a", "b"), folders, strict=True))


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
