from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddlivm.data import PairAlignment, SiteAlignments, Transform
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json

transforms = st.builds(
    Transform, st.floats(0.2, 8), st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(-180, 180)
)
level = st.builds(Transform, st.floats(0.2, 8), st.floats(-900, 900), st.floats(-900, 900), st.floats(-3, 3))
points = st.lists(st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)), min_size=1, max_size=5)
sides = st.tuples(st.integers(8, 1000), st.integers(8, 1000))


@given(transform=transforms, given_points=points)
def test_a_point_goes_there_and_back(transform: Transform, given_points: list):
    back = transform.to_infrared(transform.to_visible(given_points))
    np.testing.assert_allclose(back, given_points, atol=1e-6)


@given(transform=transforms, given_points=points)
def test_distances_grow_by_the_scale(transform: Transform, given_points: list):
    first, last = given_points[0], given_points[-1]
    before = np.linalg.norm(np.subtract(first, last))
    after = np.linalg.norm(np.subtract(*transform.to_visible([first, last])))
    assert after == pytest.approx(transform.scale * before, abs=1e-5)


def test_points_land_where_worked_out_by_hand():
    assert Transform(2, 10, -5).to_visible([(3, 4)])[0] == pytest.approx((16, 3))
    quarter = Transform(2, 100, 50, rotation_deg=90)  # x turns towards y
    assert quarter.to_visible([(3, 0)])[0] == pytest.approx((100, 56))
    assert quarter.to_visible([(0, 3)])[0] == pytest.approx((94, 50))


def test_the_common_ground_worked_out_by_hand():
    inside = Transform(2, -20, 10)  # visible 0..1000 x 0..600 is infrared 10..510 x -5..295
    assert inside.common_ground((640, 512), (1000, 600)) == (10, 0, 510, 295)
    assert Transform(1.5, 100, 80).common_ground((640, 512), (1280, 1024)) == (0, 0, 640, 512)


@given(transform=level, infrared=sides, visible=sides)
def test_the_common_ground_is_whole_and_in_the_frame(transform: Transform, infrared, visible):
    x0, y0, x1, y1 = transform.common_ground(infrared, visible)
    assert all(side == int(side) for side in (x0, y0, x1, y1))
    assert x1 - x0 >= 1
    assert y1 - y0 >= 1
    assert 0 <= x0 <= infrared[0]
    assert 0 <= y0 <= infrared[1]


@given(transform=level, infrared=sides, visible=sides)
def test_both_cameras_show_the_common_ground(transform: Transform, infrared, visible):
    x0, y0, x1, y1 = transform.common_ground(infrared, visible)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return  # the frames hardly meet: what is left stands for nothing
    assert x1 <= infrared[0]
    assert y1 <= infrared[1]
    corners = transform.to_visible([(x0, y0), (x1, y0), (x0, y1), (x1, y1)])
    # A frame turned by t hides its corners at most sin(t) of the side inwards.
    slack = np.sin(np.deg2rad(abs(transform.rotation_deg))) * max(visible) + 1e-3
    assert corners.min() >= -slack
    assert (corners.max(axis=0) <= np.array(visible) + slack).all()


@given(level)
def test_the_ground_is_as_large_as_it_can_be(transform: Transform):
    """Without a rotation, a pixel more on a side would leave one of the frames."""
    straight = Transform(transform.scale, transform.offset_x, transform.offset_y)
    infrared, visible = (640, 512), (1280, 1024)
    x0, y0, x1, y1 = straight.common_ground(infrared, visible)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    for inner, outer, axis in (((x0, y0), (x0 - 1, y0 - 1), -1), ((x1, y1), (x1 + 1, y1 + 1), 1)):
        for k in (0, 1):
            point = list(inner)
            point[k] = outer[k]
            there = straight.to_visible([point])[0][k]
            assert point[k] < 0 or point[k] > infrared[k] or (there < 1e-3 if axis < 0 else there > visible[k] - 1e-3)


def test_a_rotation_leaves_the_inner_rectangle():
    width, height = 400, 300
    turn = Transform(1, 0, 0, rotation_deg=5)
    x0, y0, x1, y1 = turn.common_ground((1000, 1000), (width, height))
    corners = turn.to_infrared([(0, 0), (width, 0), (0, height), (width, height)])
    xs, ys = np.sort(corners[:, 0]), np.sort(corners[:, 1])
    assert (x0, x1) == (np.clip(np.ceil(xs[1]), 0, None), np.floor(xs[2]))
    assert (y0, y1) == (np.clip(np.ceil(ys[1]), 0, None), np.floor(ys[2]))


alignments = st.builds(
    PairAlignment,
    transforms,
    st.floats(0, 1),
    st.lists(st.sampled_from(["no_panels", "site_fallback"]), max_size=2).map(tuple),
)


@given(site=alignments, pair=alignments)
def test_alignments_come_back_from_their_file(tmp_path_factory: pytest.TempPathFactory, site, pair):
    path = tmp_path_factory.mktemp("t") / "transforms.json"
    written = SiteAlignments({"site1": site}, {"site1/p1": pair})
    written.save(path)
    assert SiteAlignments.load(path) == written
    assert written.of("site1", "p1") == pair


def test_a_pair_that_was_not_aligned_is_one_line():
    with pytest.raises(InputError, match="pair site1/p9 has no transform; run the alignment stage"):
        SiteAlignments().of("site1", "p9")


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        None,
        {"sites": {}, "pairs": {"a/b": {"transform": {"scale": 1}, "confidence": 1, "flags": []}}},
        {"sites": {}, "pairs": {"a/b": {"transform": {"scale": 1, "offset_x": 0, "offset_y": 0}, "flags": []}}},
        {"sites": {}, "pairs": {"a/b": {"confidence": "sure", "flags": [], "transform": {"scale": 1}}}},
        {"sites": {}, "pairs": {"a/b": "here"}},
        {
            "sites": {},
            "pairs": {
                "a/b": {"transform": {"scale": "wide", "offset_x": 0, "offset_y": 0}, "confidence": 1, "flags": []}
            },
        },
        {
            "sites": {},
            "pairs": {
                "a/b": {"transform": {"scale": 1, "offset_x": 0, "offset_y": 0}, "confidence": "sure", "flags": []}
            },
        },
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: object):
    path = tmp_path / "transforms.json"
    write_json(path, content)
    with pytest.raises(InputError, match=r"transforms\.json: is not the alignment stage's output") as raised:
        SiteAlignments.load(path)
    assert "\n" not in str(raised.value)


def test_the_file_is_plain_json(tmp_path: Path):
    alignment = PairAlignment(Transform(1.5, 2, 3), 0.5, ("site_fallback",))
    SiteAlignments({}, {"site1/p1": alignment}).save(tmp_path / "t")
    assert read_json(tmp_path / "t")["pairs"]["site1/p1"] == {
        "confidence": 0.5,
        "flags": ["site_fallback"],
        "residual": None,
        "transform": {"offset_x": 2, "offset_y": 3, "rotation_deg": 0.0, "scale": 1.5},
    }
