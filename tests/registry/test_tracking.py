from pathlib import Path

import pytest

from ddlivm.errors import InputError
from ddlivm.files import read_json, write_json
from ddlivm.registry.store import experiment_id, mlflow_client
from ddlivm.registry.tracking import track_run
from tests.registry.builds import make_build


@pytest.fixture
def build(tmp_path: Path, store: str) -> Path:
    return make_build(tmp_path)


def test_a_run_is_logged_whole_and_once_from_its_files(build: Path):
    params = build.parent / "params.yaml"
    first = track_run(build, params, "plants")
    before = {path: path.stat().st_mtime_ns for path in build.rglob("*")}
    assert "logged before" in track_run(build, params, "plants")
    assert {path: path.stat().st_mtime_ns for path in build.rglob("*")} == before

    with mlflow_client() as client:
        place = experiment_id(client, "plants")
        runs = {run.info.run_name: run for run in client.search_runs([place], max_results=100)}
        losses = client.get_metric_history(runs["dtft_training all"].info.run_id, "loss")
        logged = [entry.path for entry in client.list_artifacts(runs["cross_domain_evaluation all"].info.run_id)]
    (top,) = [run for name, run in runs.items() if name.startswith("pipeline")]
    assert top.info.run_id in first
    assert top.data.metrics == {"accuracy": 0.7, "sites.site3.map40": 0.5}
    assert top.data.params["profile"] == "demo"
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    # Nothing is logged of a fold or a site that this run did not have.
    assert set(runs) - {top.info.run_name} == {
        "hstd_augmentation site1", "hstd_augmentation site2", "hstd_augmentation site3",
        "fold all", "background_removal all", "dtft_training all", "head_checkpointing all", "head_selection all",
        "cross_domain_evaluation all", "fold site3", "cross_domain_evaluation site3", "report",
    }  # fmt: skip
    parents = {name: run.data.tags.get("mlflow.parentRunId") for name, run in runs.items()}
    assert parents["dtft_training all"] == runs["fold all"].info.run_id
    assert parents["fold all"] == parents["hstd_augmentation site1"] == top.info.run_id
    assert [(metric.step, metric.value) for metric in losses] == [(1, 0.5), (2, 0.25)]
    costs = {"seconds": 1.5, "gpu_seconds": 3.0, "peak_memory_bytes": 7.0, "bytes_in": 9.0, "bytes_out": 8.0}
    assert costs.items() <= runs["dtft_training all"].data.metrics.items()
    assert runs["dtft_training all"].data.params["working_size"] == "[640, 512]"
    tags = runs["dtft_training all"].data.tags
    assert (tags["ddlivm.git"], tags["ddlivm.image"]) == ("abc", "host/ddlivm-heavy@sha256:1")
    assert runs["fold all"].data.metrics["selected.map40"] == 0.5
    assert "seconds" not in runs["fold all"].data.metrics  # what a stage took is no figure of its fold
    assert logged == ["figures.json", "results.json"]


def test_other_content_is_another_run_and_other_timings_are_not(build: Path):
    params = build.parent / "params.yaml"
    track_run(build, params, "plants")
    path = build / "encoders" / "all.provenance.json"
    write_json(path, read_json(path) | {"seconds": 99})
    assert "logged before" in track_run(build, params, "plants")
    write_json(build / "bank" / "all" / "history.json", [{"epoch": 1, "loss": 0.125}])
    assert "logged before" not in track_run(build, params, "plants")


def test_a_run_that_was_killed_half_way_is_logged_again(build: Path, monkeypatch: pytest.MonkeyPatch):
    params = build.parent / "params.yaml"
    from mlflow import MlflowClient

    whole = MlflowClient.log_artifact

    def killed(self: MlflowClient, run_id: str, path: str, place: str | None = None) -> None:
        if Path(path).name == "selection.json":
            raise KeyboardInterrupt
        whole(self, run_id, path, place)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MlflowClient, "log_artifact", killed)
        track_run(build, params, "plants")
    track_run(build, params, "plants")
    with mlflow_client() as client:
        place = experiment_id(client, "plants")
        names = [run.info.run_name for run in client.search_runs([place], max_results=100)]
        finished = client.search_runs([place], "tags.`mlflow.runName` = 'head_checkpointing all'")
    assert len(names) == len(set(names)) == 13
    assert len(finished) == 1
    assert "logged before" in track_run(build, params, "plants")


def test_a_run_that_was_given_is_joined_and_left_open(build: Path, monkeypatch: pytest.MonkeyPatch):
    params = build.parent / "params.yaml"
    with mlflow_client() as client:
        place = client.create_experiment("somebody's")
        given = client.create_run(place, run_name="nightly").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    assert f"run {given}, 10 runs within it logged now" in track_run(build, params, "plants")
    assert "logged before" in track_run(build, params, "plants")
    write_json(build / "bank" / "all" / "history.json", [{"epoch": 1, "loss": 0.125}])
    assert f"run {given}, 1 runs within" in track_run(build, params, "plants")
    with mlflow_client() as client:
        run = client.get_run(given)
        names = [run.info.run_name for run in client.search_runs([place], max_results=100)]
        assert client.get_experiment_by_name("plants") is None
    assert (run.info.status, run.info.run_name, run.data.metrics["accuracy"]) == ("RUNNING", "nightly", 0.7)
    assert len(names) == len(set(names)) == 14 - 1


def test_nothing_to_log_and_a_damaged_history_are_one_line(build: Path, tmp_path: Path):
    with pytest.raises(InputError, match="has no stage's output yet"):
        track_run(tmp_path / "nowhere", build.parent / "params.yaml", "plants")
    write_json(build / "bank" / "all" / "history.json", [{"loss": 0.125}])
    with pytest.raises(InputError, match=r"history\.json: is no training history"):
        track_run(build, build.parent / "params.yaml", "plants")
