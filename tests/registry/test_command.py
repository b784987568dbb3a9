"""The commands as they are typed: what they print, and one line where something is wrong."""

from pathlib import Path

import pytest

from ddlivm.cli import main
from ddlivm.files import read_yaml, write_json
from ddlivm.registry.store import mlflow_client
from tests.imports import ROOT
from tests.registry.parts import GATE
from tests.registry.versions import NAME, make_versions

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str):
    """A folder with params.yaml, and two versions of which the second is no better."""
    content = read_yaml(ROOT / "params.yaml")
    content["gate"] = GATE.model_dump()
    content["registration"]["name"] = NAME
    write_json(tmp_path / "params.yaml", content)
    monkeypatch.chdir(tmp_path)
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.5)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*argv: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ddlivm", *argv])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return run


def test_promote_roll_back_and_read_the_ledger(typed):
    assert typed("promote", "1") == (0, "plants: champion is version 1\n", "")
    code, out, error = typed("promote", "2")
    assert (code, out) == (2, "")
    assert error.startswith("ddlivm: version 2 of 'plants' is HOLD: is no better than the champion")
    assert error.endswith("Give --why REASON to promote it all the same\n")
    assert error.count("\n") == 1
    assert typed("promote", "2", "--why", "   ")[0] == 2  # a blank reason is none
    after = "plants: champion is version 2; before it: version 1\n"
    assert typed("promote", "2", "--why", "smaller") == (0, after, "")
    assert typed("rollback", "--why", "finds birds") == (0, "plants: champion is version 1; before it: version 2\n", "")
    code, out, _ = typed("ledger")
    assert [line.split(" ")[0] for line in out.splitlines()] == ["1", "2", "3", "plants:"]
    assert "; the gate: HOLD (" in out.splitlines()[1]
    assert out.splitlines()[1].endswith("; why: smaller")
    assert out.splitlines()[2].endswith("; why: finds birds")


def test_lineage_names_data_code_image_parents_and_parameters(typed):
    with mlflow_client() as client:
        client.set_registered_model_alias(NAME, "champion", "2")
    code, out, _ = typed("lineage", f"models:/{NAME}@champion")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"model: models:/{NAME}/2"
    assert lines[2:] == [
        "data_md5: abc.dir",
        "git: revision",
        "image: host/ddlivm-light@sha256:2",
        "made of:",
        "  bank: key k1, git revision, image host/ddlivm-heavy@sha256:1",
        "  series: no record",
        "parameters:",
        "  dtft_training.epochs = 7",
    ]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("promote", "9"), "'plants' has no version 9 in the registry; it has 1, 2"),
        (("promote", "best"), "'plants' has no alias 'best' in the registry; it has none"),
        (("promote", "1", "--params", "/nowhere"), "/nowhere: cannot be read"),
        (("rollback",), "'plants' has no version to roll back to"),
        (("rollback", "--name", "other"), "'other' has no version to roll back to"),
        (("lineage", "models:/plants"), "models:/plants: expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        (("lineage", "models:/plants@champion"), "'plants' has no alias 'champion'"),
        (("lineage", "/nowhere"), "/nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(typed, argv: tuple[str, ...], message: str):
    code, out, error = typed(*argv)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith(f"ddlivm: {message}")


def test_a_server_that_does_not_answer_is_one_line(typed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, _, error = typed("ledger")
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith("ddlivm: MLflow at http://127.0.0.1:9: does not answer: ")
    assert "secret" not in error
