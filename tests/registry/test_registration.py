import json
from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256
from ddlivm.registry.command import local_model
from ddlivm.registry.ledger import run_of
from ddlivm.registry.store import mlflow_client, shown_uri
from tests.registry.parts import GATE, make_parts

pytestmark = pytest.mark.usefixtures("store")


def registered(out: Path) -> dict[str, object]:
    content: dict[str, object] = read_json(out.parent / "registered.json")
    return content


def test_the_first_model_that_passes_the_floors_is_the_champion_and_a_better_one_follows_it(tmp_path: Path):
    first, again, better, worse, hopeless = (tmp_path / name / "registration" for name in "abcde")
    parts = make_parts(tmp_path / "one")

    parts.register(first)
    assert registered(first) | {"verdict": None, "run_id": None, "tracking_uri": None} == {
        "name": "plants",
        "version": "1",
        "aliases": ["challenger", "champion"],
        "verdict": None,
        "run_id": None,
        "tracking_uri": None,
    }
    kept = {path.relative_to(first): sha256(path) for path in first.rglob("*") if path.is_file()}

    parts.register(again)
    assert registered(again) == registered(first)
    assert {path.relative_to(again): sha256(path) for path in again.rglob("*") if path.is_file()} == kept

    make_parts(tmp_path / "two", weight=2.0, map40=0.6).register(better)
    assert (registered(better)["version"], registered(better)["aliases"]) == ("2", ["challenger", "champion"])

    make_parts(tmp_path / "three", weight=3.0, map40=0.59).register(worse)
    assert registered(worse)["aliases"] == ["challenger"]
    assert registered(worse)["verdict"]["decision"] == "HOLD"  # type: ignore[index]
    assert read_json(worse / "registration.json")["verdict"] == "PROMOTE"

    make_parts(tmp_path / "four", weight=4.0, map40=0.1).register(hopeless)
    assert registered(hopeless)["aliases"] == []
    assert read_json(hopeless / "registration.json")["verdict"] == "REJECT"

    with mlflow_client() as client:
        versions = {
            name: str(client.get_model_version_by_alias("plants", name).version)
            for name in ("champion", "previous", "challenger")
        }
        stages = {version.current_stage for version in client.search_model_versions("name = 'plants'")}
    assert versions == {"champion": "2", "previous": "1", "challenger": "3"}
    assert stages == {"None"}

    folder = local_model("models:/plants@champion")
    assert {path.name: sha256(path) for path in folder.rglob("*.safetensors")} == {
        path.name: sha256(path) for path in (better / "model").rglob("*.safetensors")
    }
    assert not [path for path in (tmp_path / "mlruns").rglob("*") if path.suffix in (".pkl", ".pickle")]
    with pytest.raises(InputError, match=r"MLflow at .*alias nobody not found"):
        local_model("models:/plants@nobody")


def test_a_promoted_model_that_is_judged_by_higher_floors_stays_and_is_reported(tmp_path: Path):
    parts = make_parts(tmp_path / "one")
    parts.register(tmp_path / "a" / "registration")
    parts.register(tmp_path / "b" / "registration", GATE.model_copy(update={"minimum_map40": 0.9}))
    content = registered(tmp_path / "b" / "registration")
    assert content["aliases"] == ["challenger", "champion"]
    assert content["verdict"]["decision"] == "REJECT"  # type: ignore[index]


def test_a_version_has_a_run_of_its_own_within_the_one_that_is_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with mlflow_client() as client:
        given = client.create_run(client.create_experiment("somebody's"), run_name="nightly").info.run_id
    for number in (1, 2):
        monkeypatch.setenv("MLFLOW_RUN_ID", given)
        make_parts(tmp_path / f"parts{number}", weight=number).register(tmp_path / str(number) / "registration")
    with mlflow_client() as client:
        runs = [client.get_run(run_of(client, "plants", number)) for number in ("1", "2")]
        assert len({given, *(run.info.run_id for run in runs)}) == 3
        assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {given}
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert client.get_run(given).info.status == "RUNNING"
        assert client.list_artifacts(given) == []


def test_the_fold_that_ships_must_be_among_the_figures(tmp_path: Path):
    parts = make_parts(tmp_path / "one")
    with pytest.raises(InputError, match="no figures of the fold 'all'"):
        parts.register(tmp_path / "a" / "registration", GATE, parts.folder / "figures" / "site3")


def test_a_server_that_refuses_is_one_line_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be taken for one" * 40)
    with pytest.raises(InputError, match=r"MLflow at sqlite.*check MLFLOW_TRACKING_URI") as caught:
        make_parts(tmp_path / "one").register(tmp_path / "a" / "registration")
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://somebody:secret@tracking.example:5000/api")
    assert shown_uri() == "https://tracking.example:5000/api"


def test_the_verdict_of_the_hashed_file_knows_no_registry(tmp_path: Path):
    out = tmp_path / "a" / "registration"
    make_parts(tmp_path / "one").register(out)
    text = json.dumps(read_json(out / "registration.json"))
    assert "version" not in text
    assert str(tmp_path) not in text
    assert sorted(path.name for path in out.iterdir()) == ["model", "registration.json"]
