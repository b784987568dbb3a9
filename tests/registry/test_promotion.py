import pytest
from mlflow import MlflowClient

from ddlivm.errors import InputError
from ddlivm.registry import ledger as ledger_module
from ddlivm.registry.ledger import CHALLENGER, CHAMPION, PREVIOUS, Entry, Ledger, aliased, change_champion, read_ledger
from ddlivm.registry.promotion import judge_against, promote_version, read_evidence, roll_back
from ddlivm.registry.store import experiment_id, mlflow_client
from tests.registry.crowd import check_ledger, promote_together
from tests.registry.parts import GATE
from tests.registry.versions import NAME, make_versions

pytestmark = pytest.mark.usefixtures("store")


def aliases() -> tuple[str | None, str | None]:
    with mlflow_client() as client:
        return aliased(client, NAME, CHAMPION), aliased(client, NAME, PREVIOUS)


def standing(ledger: Ledger) -> tuple[str | None, str | None]:
    return ledger.champion, ledger.previous


def test_a_better_version_is_promoted_and_rolled_back_in_one_command_each():
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.6)
        client.set_registered_model_alias(NAME, CHALLENGER, "2")
        promote_version(client, NAME, "1", GATE)
        assert standing(promote_version(client, NAME, CHALLENGER, GATE)) == aliases() == ("2", "1")
        assert standing(roll_back(client, NAME, "finds birds")) == aliases() == ("1", "2")
        assert standing(roll_back(client, NAME)) == aliases() == ("2", "1")
        ledger = read_ledger(client, NAME)
    assert [(entry.number, entry.action, entry.champion) for entry in ledger.entries] == [
        (1, "promote", "1"), (2, "promote", "2"), (3, "rollback", "1"), (4, "rollback", "2"),
    ]  # fmt: skip
    assert ledger.entries[2].why == "finds birds"
    assert "is better than the champion" in ledger.entries[1].words
    assert ledger.lines(NAME)[-1] == "plants: champion is version 2; before it: version 1"


def test_what_the_gate_holds_needs_a_reason_and_the_reason_is_kept():
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.5, 0.1)
        promote_version(client, NAME, "1", GATE)
        with pytest.raises(InputError, match=r"version 2 of 'plants' is HOLD: is no better.*--why REASON") as caught:
            promote_version(client, NAME, "2", GATE)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match=r"version 3 of 'plants' is REJECT: .*below the floor"):
            promote_version(client, NAME, "3", GATE)
        assert standing(read_ledger(client, NAME)) == aliases() == ("1", None)
        assert standing(promote_version(client, NAME, "3", GATE, "a drill")) == aliases() == ("3", "1")
        last = read_ledger(client, NAME).entries[-1]
    assert last.why == "a drill"
    assert last.verdict is not None
    assert last.verdict.decision == "REJECT"


def test_promoting_the_champion_and_rolling_back_from_nothing_change_nothing():
    with mlflow_client() as client:
        make_versions(client, 0.5)
        promote_version(client, NAME, "1", GATE)
        promote_version(client, NAME, "1", GATE)
        promote_version(client, NAME, CHAMPION, GATE)
        with pytest.raises(InputError, match="has no version to roll back to"):
            roll_back(client, NAME)
        assert len(read_ledger(client, NAME).entries) == 1


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("7", "'plants' has no version 7 in the registry; it has 1"),
        ("best", "'plants' has no alias 'best' in the registry; it has champion"),
    ],
)
def test_unknown_versions_are_one_line(version: str, message: str):
    with mlflow_client() as client:
        make_versions(client, 0.5)
        promote_version(client, NAME, "1", GATE)
        with pytest.raises(InputError, match=message):
            promote_version(client, NAME, version, GATE)


def test_a_champion_from_before_the_ledger_is_kept_and_its_lack_of_evidence_holds():
    with mlflow_client() as client:
        make_versions(client, 0.5)
        run = client.create_run(experiment_id(client, NAME)).info.run_id
        client.create_model_version(NAME, f"runs:/{run}/model", run, await_creation_for=0)
        client.set_registered_model_alias(NAME, CHAMPION, "2")
        verdict = judge_against(client, NAME, read_evidence(client, NAME, "1"), "2", GATE)
        assert verdict.decision == "HOLD"
        assert "the champion, version 2, cannot be compared with" in verdict.reasons[0]
        assert standing(promote_version(client, NAME, "1", GATE, "the old one has no figures")) == ("1", "2")


def test_a_version_that_no_run_made_is_one_line():
    with mlflow_client() as client:
        make_versions(client, 0.5)
        client.create_model_version(NAME, "somewhere/model", await_creation_for=0)
        with pytest.raises(InputError, match="version 2 of 'plants' was made by no run; register the model with"):
            promote_version(client, NAME, "2", GATE, "it looks good")


def test_a_kill_between_the_entry_and_the_aliases_is_made_good_by_the_next_command(monkeypatch: pytest.MonkeyPatch):
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.6)
        promote_version(client, NAME, "1", GATE)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("ddlivm.registry.ledger._settle", _killed)
            promote_version(client, NAME, "2", GATE)
        assert aliases() == ("1", None)
        assert read_ledger(client, NAME).champion == "2"
        promote_version(client, NAME, "2", GATE)
        assert aliases() == ("2", "1")
        assert len(read_ledger(client, NAME).entries) == 2


def test_an_entry_that_was_overtaken_counts_for_nothing_and_is_decided_again(monkeypatch: pytest.MonkeyPatch):
    """Another process promotes between this one's decision and its entry: what it decided no longer holds."""
    append = ledger_module._append

    def overtaken(client: MlflowClient, name: str, entry: Entry) -> int:
        monkeypatch.setattr(ledger_module, "_append", append)
        promote_version(client, name, "2", GATE)
        return append(client, name, entry)

    with mlflow_client() as client:
        make_versions(client, 0.5, 0.6, 0.7)
        promote_version(client, NAME, "1", GATE)
        monkeypatch.setattr(ledger_module, "_append", overtaken)
        promote_version(client, NAME, "3", GATE)
        ledger = read_ledger(client, NAME)
    assert [(entry.champion, entry.previous) for entry in ledger.entries] == [
        ("1", None), ("2", "1"), ("3", "1"), ("3", "2"),
    ]  # fmt: skip
    assert [entry.number for entry in ledger.valid] == [1, 2, 4]
    assert standing(ledger) == aliases() == ("3", "2")
    assert "(overtaken: changed nothing)" in ledger.lines(NAME)[2]


def test_a_decision_that_was_overtaken_before_it_was_written_is_not_written():
    seen: list[str | None] = []
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.6, 0.7)
        promote_version(client, NAME, "1", GATE)

        def slow(ledger: Ledger) -> Entry:
            seen.append(ledger.champion)
            if len(seen) == 1:
                promote_version(client, NAME, "2", GATE)
            return ledger.entry("promote", "3", None, "slow")

        assert standing(change_champion(client, NAME, slow)) == aliases() == ("3", "2")
        assert [entry.champion for entry in read_ledger(client, NAME).entries] == ["1", "2", "3"]
    assert seen == ["1", "2"]


def test_ten_processes_leave_one_champion_and_a_whole_ledger():
    with mlflow_client() as client:
        make_versions(client, *(0.5,) * 10)
    outcomes = promote_together(NAME, [(str(number + 1), f"reason {number + 1}") for number in range(10)])
    assert outcomes == [""] * 10
    check_ledger(NAME, 10)


def test_of_processes_that_the_gate_judges_the_best_version_wins_in_any_order():
    with mlflow_client() as client:
        make_versions(client, 0.4, 0.9, 0.6, 0.75)
    outcomes = promote_together(NAME, [(str(number + 1), None) for number in range(4)])
    assert outcomes[1] == ""
    assert all(line == "" or "is REJECT" in line or "is HOLD" in line for line in outcomes), outcomes
    ledger = check_ledger(NAME, 4 - sum(line != "" for line in outcomes))
    assert ledger.champion == "2"


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
