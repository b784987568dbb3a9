import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.inspection.model import ShippedModel, build_model
from tests.registry.parts import SCORES, Parts, make_parts, settings


def build(parts: Parts, out: Path) -> ShippedModel:
    folder = parts.folder
    series = [folder / "series" / site for site in ("site3", "site1", "site2")]
    out.mkdir(parents=True)
    return build_model(
        folder / "segmenter", folder / "encoders", folder / "bank", series, folder / "selection", settings(), out
    )


@pytest.fixture
def model(tmp_path: Path) -> ShippedModel:
    return build(make_parts(tmp_path / "parts"), tmp_path / "model")


def test_a_model_holds_what_an_inspection_reads_and_the_defects_that_heads_were_selected_with(model: ShippedModel):
    assert model.card.sources == ("site1",)
    assert model.card.held_out == ("site2",)
    assert model.card.set_aside == ("site3",)
    assert model.card.calibrations == SCORES.calibrations
    assert model.card.settings == settings()
    assert sorted(model.card.files) == [
        "bank/detector.json",
        "bank/entry_004.safetensors",
        "bank/infrared_only.safetensors",
        "defects/site1/defects.json",
        "defects/site1/defects.safetensors",
        "encoders/detector.json",
        "encoders/encoders.safetensors",
        "segmenter/detector.json",
        "segmenter/segmenter.safetensors",
    ]
    again = ShippedModel.load(model.folder)
    assert again == model
    assert [folder.name for folder in again.defects] == ["site1"]


def test_the_content_hash_follows_the_files_and_not_the_place(model: ShippedModel, tmp_path: Path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(model.folder, moved)
    assert ShippedModel.load(moved).card.content_hash == model.card.content_hash
    other = build(make_parts(tmp_path / "other", weight=2.0), tmp_path / "other_model")
    assert other.card.content_hash != model.card.content_hash


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("bank/entry_004.safetensors", Path.unlink, "is missing"),
        ("bank/entry_004.safetensors", shorten, "corrupt safetensors"),
        ("encoders/encoders.safetensors", lambda path: path.write_bytes(b""), "corrupt safetensors"),
        ("segmenter/segmenter.safetensors", flip, "sha256 differs"),
        ("encoders/detector.json", flip, "sha256 differs"),
        ("model.json", lambda path: path.write_text("{"), "is not valid JSON"),
        ("model.json", lambda path: path.write_text("{}"), "is this a model"),
        ("model.json", Path.unlink, "cannot be read"),
    ],
)
def test_a_damaged_model_is_one_line_that_names_the_file(
    model: ShippedModel, name: str, damage: Callable[[Path], None], reason: str
):
    damage(model.folder / name)
    with pytest.raises(InputError, match=reason) as caught:
        ShippedModel.load(model.folder)
    assert str(model.folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_format_or_other_classes_or_with_files_outside_is_refused(model: ShippedModel):
    path = model.folder / "model.json"
    content = read_json(path)
    for change, reason in (
        ({"format": 1}, "has format 1, 3 expected; train the model again"),
        ({"format": 2}, "has format 2, 3 expected; train the model again"),
        ({"format": 4}, "has format 4, 3 expected; update ddlivm"),
        ({"settings": {}}, r"settings\.alignment: Field required"),
        ({"classes": ["hail"]}, "are not the taxonomy's"),
        ({"files": {"../secret": "0" * 64}}, "no part of a model"),
        ({"files": {"bank/../../secret": "0" * 64}}, "no part of a model"),
        ({"sources": ["../site1"]}, "no part of a model"),
    ):
        write_json(path, content | change)
        with pytest.raises(InputError, match=reason):
            ShippedModel.load(model.folder)


def test_a_missing_part_is_one_line(tmp_path: Path):
    parts = make_parts(tmp_path / "parts")
    (parts.folder / "series" / "site1" / "defects.safetensors").unlink()
    with pytest.raises(InputError, match=r"site1/defects\.safetensors: is missing"):
        build(parts, tmp_path / "model")
    parts = make_parts(tmp_path / "more")
    (parts.folder / "series" / "site1" / "series.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="no site"):
        build(parts, tmp_path / "model2")
    parts = make_parts(tmp_path / "most")
    for path in (parts.folder / "bank").glob("*.safetensors"):
        path.unlink()
    with pytest.raises(InputError, match="holds no weights"):
        build(parts, tmp_path / "model3")
