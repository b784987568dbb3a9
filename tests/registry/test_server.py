"""MLflow as it is run in production: PostgreSQL behind a server, files on S3, and all of it can go away."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import cv2
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.store.artifact.s3_artifact_repo import _cached_get_s3_client
from safetensors.numpy import save_file

from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256
from ddlivm.inspection.inspector import Inspector
from ddlivm.registry.command import local_model
from ddlivm.registry.ledger import read_ledger
from ddlivm.registry.promotion import promote_version, roll_back
from ddlivm.registry.store import experiment_id, mlflow_client
from ddlivm.registry.tracking import track_run
from tests.browser import shown
from tests.inspection.plants import make_inspector, write_pair
from tests.object_store import Line, endpoint, full_bucket, keys, new_bucket, s3_client
from tests.registry.builds import make_build
from tests.registry.crowd import check_ledger, promote_together
from tests.registry.parts import GATE, make_parts
from tests.registry.servers import TrackingServer, postgres
from tests.registry.versions import make_versions


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with new_bucket(endpoint()) as name:
        yield name


@pytest.fixture(scope="module")
def running(bucket: str) -> Iterator[TrackingServer]:
    with pytest.MonkeyPatch.context() as patch, postgres() as database:
        patch.setenv("AWS_ENDPOINT_URL", endpoint())
        server = TrackingServer(database, bucket)
        server.start()
        yield server
        server.kill()


@pytest.fixture
def server(running: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> TrackingServer:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", running.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint())
    monkeypatch.setattr(
        boto3, "DEFAULT_SESSION", None
    )  # it and MLflow's clients keep an earlier test's address and keys
    _cached_get_s3_client.cache_clear()
    return running


@pytest.fixture
def line(server: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    line = Line(endpoint())
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.address)
    yield line
    line.close()


def versions(name: str) -> int:
    with mlflow_client() as client:
        return len(client.search_model_versions(f"name = '{name}'"))


def test_a_model_is_registered_promoted_loaded_and_rolled_back(
    server: TrackingServer, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Inspector, "load", classmethod(lambda *_: make_inspector()))
    make_parts(tmp_path / "one").register(tmp_path / "a" / "registration")
    parts = make_parts(tmp_path / "two", weight=2.0, map40=0.6)
    parts.register(tmp_path / "b" / "registration", promote=False)
    assert read_json(tmp_path / "b" / "registered.json")["aliases"] == ["challenger"]
    with mlflow_client() as client:
        promote_version(client, "plants", "challenger", GATE)
    shipped = {path.name: sha256(path) for path in (tmp_path / "b" / "registration" / "model").rglob("*.safetensors")}
    folder = local_model("models:/plants@champion")
    assert {path.name: sha256(path) for path in folder.rglob("*.safetensors")} == shipped
    assert sum(key.endswith("encoders.safetensors") for key in keys(s3_client(endpoint()), bucket)) == 2

    files = tmp_path / "warm_T.jpg", tmp_path / "warm_V.jpg"
    write_pair(*files, spots=1)
    with mlflow_client() as client:
        import mlflow
        import pandas

        served = mlflow.pyfunc.load_model("models:/plants@champion")
        row = ["warm", *(path.read_bytes() for path in files)]
        table = served.predict(pandas.DataFrame([row], columns=["pair", "infrared", "visible"]))
        assert table[["pair", "type"]].to_numpy().tolist() == [["warm", "dust"]]
        assert roll_back(client, "plants", "a drill").champion == "1"
        assert [entry.action for entry in read_ledger(client, "plants").entries] == ["promote", "promote", "rollback"]


def test_ten_processes_leave_one_champion_and_a_whole_ledger(server: TrackingServer):
    with mlflow_client() as client:
        make_versions(client, *(0.5,) * 10, name="crowd")
    assert promote_together("crowd", [(str(number + 1), f"reason {number + 1}") for number in range(10)]) == [""] * 10
    check_ledger("crowd", 10)


def test_a_server_that_is_killed_while_a_run_is_logged_loses_nothing(
    server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    build, whole = make_build(tmp_path), MlflowClient.log_artifact
    before = {path: path.stat().st_mtime_ns for path in build.rglob("*")}
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    def killing(self: MlflowClient, run_id: str, path: str, place: str | None = None) -> None:
        if Path(path).name == "selection.json":
            server.kill()
        whole(self, run_id, path, place)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifact", killing)
        with pytest.raises(
            InputError, match=r"MLflow at http://127\.0\.0\.1:\d+: .*check MLFLOW_TRACKING_URI"
        ) as caught:
            track_run(build, tmp_path / "params.yaml", "killed")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="MLflow at"):
        track_run(build, tmp_path / "params.yaml", "killed")
    server.start()
    # Three series, a segmenter, encoders and a bank were logged before; the rest follows now.
    assert ", 4 runs within it logged now" in track_run(build, tmp_path / "params.yaml", "killed")
    assert "logged before" in track_run(build, tmp_path / "params.yaml", "killed")
    with mlflow_client() as client:
        runs = client.search_runs([experiment_id(client, "killed")], max_results=100)
        names = [run.info.run_name for run in runs]
        (selection,) = [run for run in runs if run.info.run_name == "head_selection all"]
        assert [entry.path for entry in client.list_artifacts(selection.info.run_id)] == ["selection.json"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(names) == len(set(names)) == 13
    assert {path: path.stat().st_mtime_ns for path in build.rglob("*")} == before


def test_the_web_ui_shows_runs_figures_and_aliases(server: TrackingServer, tmp_path: Path):
    build = make_build(tmp_path)
    cv2.imwrite(str(build / "figures" / "all" / "detections.jpg"), np.full((32, 48, 3), 90, np.uint8))
    track_run(build, tmp_path / "params.yaml", "looked at")
    with mlflow_client() as client:
        make_versions(client, 0.5, 0.6, name="shown")
        for number in ("1", "2"):
            promote_version(client, "shown", number, GATE)
        client.set_registered_model_alias("shown", "challenger", "2")
        place = experiment_id(client, "looked at")
        runs = {run.info.run_name: run.info.run_id for run in client.search_runs([place], max_results=100)}

    def check(path: str, *texts: str) -> None:
        document = shown(f"{server.address}/#/{path}", tmp_path / "browser", *texts)
        assert [text for text in texts if text not in document] == []

    (top,) = (name for name in runs if name.startswith("pipeline"))
    check(f"experiments/{place}/runs", top)
    picture = f"experiments/{place}/runs/{runs['cross_domain_evaluation all']}/artifacts/detections.jpg"
    check(picture, '<img alt="detections.jpg" src="blob:')
    check(f"experiments/{place}/runs/{runs['dtft_training all']}/model-metrics", "dtft_training all (loss)")  # a legend
    check("models/shown", *(f"@&nbsp;{alias}" for alias in ("champion", "previous", "challenger")))


def large_parts(folder: Path):
    parts = make_parts(folder)
    noise = np.random.default_rng(0).integers(0, 255, 12_000_000, dtype=np.uint8)
    save_file({"weight": noise}, parts.folder / "encoders" / "encoders.safetensors")
    return parts


def test_a_store_that_stops_during_an_upload_is_waited_for(line: Line, tmp_path: Path):
    line.cut_after(6_000_000, pause=2)
    large_parts(tmp_path / "one").register(tmp_path / "a" / "registration", name="cut", gate=ROOMY)
    assert line.cuts == 1
    name = "encoders/encoders.safetensors"
    assert sha256(local_model("models:/cut@champion") / name) == sha256(
        tmp_path / "a" / "registration" / "model" / name
    )


ROOMY = GATE.model_copy(update={"maximum_bytes": None})


def test_a_store_that_stops_for_good_is_one_line_and_registers_nothing(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    line.cut_after(6_000_000, pause=3600)
    with pytest.raises(InputError, match=r"artifact|upload|connect") as caught:
        large_parts(tmp_path / "one").register(tmp_path / "a" / "registration", name="lost", gate=ROOMY)
    assert "\n" not in str(caught.value)
    assert versions("lost") == 0


def test_a_wrong_secret_is_one_line_and_registers_nothing(
    server: TrackingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(InputError, match=r"SignatureDoesNotMatch|Forbidden|denied") as caught:
        make_parts(tmp_path / "one").register(tmp_path / "a" / "registration", name="refused")
    assert "\n" not in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert versions("refused") == 0


def test_a_bucket_that_is_missing_is_one_line_and_registers_nothing(server: TrackingServer, tmp_path: Path):
    with mlflow_client() as client:
        client.create_experiment("homeless", artifact_location="s3://ddlivm-test-nowhere/artifacts")
    with pytest.raises(InputError, match=r"NoSuchBucket|bucket") as caught:
        make_parts(tmp_path / "one").register(tmp_path / "a" / "registration", name="homeless")
    assert "\n" not in str(caught.value)
    assert versions("homeless") == 0


def test_a_bucket_that_is_full_is_one_line_and_registers_nothing(server: TrackingServer, tmp_path: Path):
    place = f"s3://{full_bucket()}/artifacts"
    with mlflow_client() as client:
        client.create_experiment("crammed", artifact_location=place)
    with pytest.raises(InputError, match=r"Quota|full|space") as caught:
        make_parts(tmp_path / "one").register(tmp_path / "a" / "registration", name="crammed")
    assert "\n" not in str(caught.value)
    assert versions("crammed") == 0
