import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.errors import InputError
from ddlivm.files import read_json, read_yaml, replacing, sha256, write_json


class StoppedError(Exception):
    """The work in a `replacing` block was stopped."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_a_folder_appear_when_they_are_whole(tmp_path: Path):
    with replacing(tmp_path / "deep" / "file") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "deep" / "file").exists()
        assert temporary.parent == tmp_path / "deep"
    with replacing(tmp_path / "deep" / "folder") as temporary:
        temporary.mkdir()
        (temporary / "part").write_text("new")
        assert not (tmp_path / "deep" / "folder").exists()
    assert names(tmp_path / "deep") == ["file", "folder"]
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert names(tmp_path / "deep" / "folder") == ["part"]


def test_what_was_there_is_replaced_whole(tmp_path: Path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
        assert names(target) == ["old"]
    assert names(target) == ["new"]


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, folder: bool, there: bool):
    target = tmp_path / "target"
    if there:
        target.write_text("old")
    with pytest.raises(StoppedError), replacing(target) as temporary:
        if folder:
            temporary.mkdir()
            (temporary / "half").write_text("half")
        else:
            temporary.write_text("half")
        raise StoppedError
    assert names(tmp_path) == (["target"] if there else [])
    assert not there or target.read_text() == "old"


def test_a_failure_before_anything_was_made_leaves_nothing(tmp_path: Path):
    with pytest.raises(StoppedError), replacing(tmp_path / "target"):
        raise StoppedError
    assert names(tmp_path) == []


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").read_text() == "new"
    assert (tmp_path / "real" / "kept").read_text() == "kept"


@pytest.mark.parametrize("below", ["target", "deep/target"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, below: str):
    (tmp_path / "file").write_text("a file, where a folder would be needed")
    target = tmp_path / "file" / below
    with pytest.raises(InputError, match="cannot be written") as raised, replacing(target):
        pytest.fail("the block must not run")
    assert str(raised.value).startswith(f"{target}: ")
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == ["file"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=30)
@given(values)
def test_json_comes_back(tmp_path_factory: pytest.TempPathFactory, value: object):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_the_same_value_gives_the_same_bytes(tmp_path: Path):
    write_json(tmp_path / "a", {"x": 1, "y": [1.5, "µ"]})
    write_json(tmp_path / "b", {"y": [1.5, "µ"], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [math.nan]}, object()])
def test_what_json_cannot_say_is_not_half_written(tmp_path: Path, value: object):
    with pytest.raises((ValueError, TypeError)):
        write_json(tmp_path / "value", value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("read", [read_json, read_yaml])
@pytest.mark.parametrize(
    ("data", "problem"),
    [(None, "cannot be read (No such file"), (b"{", "is not valid"), (b"\xff\xfe\x00", "is not valid")],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, read, data: bytes | None, problem: str):
    path = tmp_path / "file"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_a_folder_is_no_file(tmp_path: Path, read):
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)


def test_yaml_runs_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("!!python/object/apply:os.mkdir [made]")
    with pytest.raises(InputError, match="is not valid YAML"):
        read_yaml(tmp_path / "file")


@given(st.binary(max_size=300))
def test_the_digest_is_sha256(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.getbasetemp() / "data"
    path.write_bytes(data)
    assert sha256(path) == hashlib.sha256(data).hexdigest()
