from pathlib import Path

import pytest
import yaml

from ddlivm.data import SHAPES, DataSet, load_taxonomy
from ddlivm.data.taxonomy import TAXONOMY
from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from tests.evaluation.conftest import make_data

SNOW = {"name": "snow", "label": "Snow", "shape": "region", "external": True}


@pytest.fixture
def entries() -> list[dict[str, object]]:
    return yaml.safe_load(TAXONOMY.read_text(encoding="utf-8"))


def write(folder: Path, entries: object) -> Path:
    path = folder / "taxonomy.yaml"
    path.write_text(yaml.safe_dump(entries), encoding="utf-8")
    return path


def test_the_ten_types_are_the_papers():
    taxonomy = load_taxonomy()
    assert len(taxonomy) == 10
    assert [kind.label for kind in taxonomy.types if not kind.external] == [
        "Short Circuit",
        "Open Circuit",
        "Inter Damage",
        "Diode Failure",
    ]
    assert taxonomy.external_count == 6
    assert {SHAPES[shape] for shape in taxonomy.shape_of_class} == set(SHAPES)


def test_each_step_regroups_the_types():
    """Step 1 sees shapes, step 2 the external types with the internal ones as one more for the contrast."""
    taxonomy = load_taxonomy()
    for index, kind in enumerate(taxonomy.types):
        assert taxonomy.index(kind.name) == index
        assert SHAPES[taxonomy.shape_of_class[index]] == kind.shape
        assert (taxonomy.external_of_class[index] >= 0) == kind.external
        assert taxonomy.contrast_of_class[index] == (taxonomy.external_of_class[index] if kind.external else 6)
    ranks = [rank for rank in taxonomy.external_of_class if rank >= 0]
    assert ranks == list(range(6))


def test_a_new_type_is_one_entry(tmp_path: Path, entries: list, monkeypatch: pytest.MonkeyPatch):
    before, after = load_taxonomy(), load_taxonomy(write(tmp_path, [*entries, SNOW]))
    assert after.names == (*before.names, "snow")
    assert after.shape_of_class == (*before.shape_of_class, SHAPES.index("region"))
    assert after.external_of_class == (*before.external_of_class, 6)
    assert after.contrast_of_class[-1] == 6
    assert after.contrast_of_class[after.index("short_circuit")] == 7
    folder = make_data(tmp_path / "data", ("site1",), 1) / "site1" / "annotations.json"
    content = read_json(folder)
    content["categories"].append({"id": 11, "name": "snow"})
    content["annotations"][0]["category_id"] = 11
    write_json(folder, content)
    with pytest.raises(InputError, match="'snow' is unknown"):
        _ = DataSet.load(tmp_path / "data").site("site1").labels
    monkeypatch.setattr("ddlivm.data.dataset.load_taxonomy", lambda: after)
    labels = DataSet.load(tmp_path / "data").site("site1").labels
    assert 10 in {int(kind) for each in labels.values() for kind in each.defects.classes}


def test_an_unknown_type_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"'hail' is unknown; the taxonomy has grass_tree, .*diode_failure$"):
        load_taxonomy().index("hail")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: [*entries, entries[3]], "'dust' is listed twice"),
        (lambda entries: [*entries, SNOW | {"shape": "blob"}], "snow has shape 'blob'; expected one of point, strip"),
        (lambda entries: [*entries, {"name": "snow"}], "needs exactly name, label, shape and external"),
        (lambda entries: [*entries, SNOW | {"colour": "white"}], "needs exactly name"),
        (lambda entries: [*entries, "snow"], "needs exactly name"),
        (lambda entries: None, "expected a list of defect types"),
        (lambda entries: [], "expected a list of defect types"),
        (lambda entries: {"snow": SNOW}, "expected a list of defect types"),
    ],
)
def test_a_wrong_entry_is_one_line(tmp_path: Path, entries: list, change, message: str):
    with pytest.raises(InputError, match=message) as raised:
        load_taxonomy(write(tmp_path, change(entries)))
    assert "taxonomy.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)
