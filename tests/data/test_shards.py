import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddlivm.data.shards import pack, unpack
from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256, write_json


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    fill(
        tmp_path / "data",
        {"sites.yaml": b"[]", "site1/infrared/0001.png": b"x" * 700, "site1/visible/0001.jpg": b"y" * 700},
    )
    pack(tmp_path / "data", tmp_path / "packed", shard_bytes=1000)
    return tmp_path / "packed"


parts = st.text("abö 1", min_size=1, max_size=6)
names = st.lists(parts, min_size=1, max_size=3).map(lambda folders: "/".join([*folders[:-1], f"{folders[-1]}.png"]))


@settings(max_examples=25)
@given(st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=8), st.integers(1, 500))
def test_what_is_packed_comes_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], shard_bytes: int):
    folder = tmp_path_factory.mktemp("shards")
    fill(folder / "data", files)
    pack(folder / "data", folder / "packed", shard_bytes)
    unpack(folder / "packed", folder / "out")
    assert contents(folder / "out") == files


def test_shards_are_few_and_the_same_bytes_every_time(packed: Path, tmp_path: Path):
    assert sorted(path.name for path in packed.iterdir()) == ["shard-00000.tar", "shard-00001.tar", "shards.json"]
    (tmp_path / "data" / "sites.yaml").touch()
    pack(tmp_path / "data", tmp_path / "again", shard_bytes=1000)
    assert contents(tmp_path / "again") == contents(packed)


def test_an_empty_folder_is_one_line(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="has no files to pack"):
        pack(tmp_path / "data", tmp_path / "packed")


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped", "site1/../../escaped", "a\\..\\escaped", ""])
def test_no_file_leads_out_of_the_folder(packed: Path, tmp_path: Path, path: str):
    rows = read_json(packed / "shards.json")
    rows[0]["path"] = path
    write_json(packed / "shards.json", rows)
    with pytest.raises(InputError, match="leads out of the folder"):
        unpack(packed, tmp_path / "deep" / "out")
    assert not (tmp_path / "deep" / "out").exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"name": "../escaped"}, "holds '../escaped', which the index does not list"),
        (
            {"name": "sites.yaml", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
            "'sites.yaml' is no file of 2 bytes",
        ),
        (
            {"name": "sites.yaml", "type": tarfile.LNKTYPE, "linkname": "sites.yaml"},
            "'sites.yaml' is no file of 2 bytes",
        ),
        ({"name": "sites.yaml", "size": 1 << 20}, "'sites.yaml' is no file of 2 bytes"),
        ({"name": "sites.yaml", "size": 2}, r"'sites.yaml' differs from the index \(sha256\)"),
    ],
)
def test_a_hostile_shard_writes_nothing(packed: Path, tmp_path: Path, header: dict[str, object], message: str):
    rows = read_json(packed / "shards.json")
    shard = packed / next(row["shard"] for row in rows if row["path"] == "sites.yaml")
    with tarfile.open(shard, "w") as tar:
        info = tarfile.TarInfo()
        for name, value in header.items():
            setattr(info, name, value)
        tar.addfile(info, io.BytesIO(b"z" * info.size))
    with pytest.raises(InputError, match=message):
        unpack(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("damage", ["cut", "gone", "compressed"])
def test_a_damaged_shard_is_one_line(packed: Path, tmp_path: Path, damage: str):
    shard = packed / "shard-00001.tar"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:900])
    elif damage == "gone":
        shard.unlink()
    else:
        with tarfile.open(shard, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("sites.yaml"))
    with pytest.raises(InputError, match=r"shard-00001\.tar: ") as caught:
        unpack(packed, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_shard_that_lacks_a_file_is_one_line(packed: Path, tmp_path: Path):
    rows = read_json(packed / "shards.json")
    lacking = rows[0] | {"path": "site9/infrared/0001.png", "sha256": sha256(packed / "shards.json")}
    write_json(packed / "shards.json", [*rows, lacking])
    with pytest.raises(InputError, match=r"lacks 'site9/infrared/0001\.png'"):
        unpack(packed, tmp_path / "out")
