import json
import re
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from components.images import GROUPS
from ddlivm import cli
from ddlivm.errors import InputError
from ddlivm.files import read_json, sha256, write_json
from tests.pipelines.submission.conftest import DIGEST
from tests.pipelines.submission.server import NOW


@pytest.fixture
def call(repository):
    """Run `ddlivm` as a person does."""

    def run(*arguments: str) -> SimpleNamespace:
        result = CliRunner().invoke(cli.app, list(arguments))
        if isinstance(result.exception, InputError):
            return SimpleNamespace(code=2, out=result.stdout, error=str(result.exception))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return SimpleNamespace(code=result.exit_code, out=result.stdout, error=result.stderr)

    return run


def compiled(repository) -> dict:
    return dict(next(iter(yaml.safe_load_all((repository / "build/retrain.yaml").read_text()))))


def containers(specification: dict) -> list[dict]:
    executors = specification["deploymentSpec"]["executors"].values()
    return [executor["container"] for executor in executors if "container" in executor]


def test_a_dry_run_compiles_pinned_images_and_sends_nothing(call, repository, server):
    result = call("submit", "--dry-run", "--host", server.address, "--store", str(repository / "store"))
    assert result.code == 0
    assert result.out.splitlines()[-1] == "dry run: build/retrain.yaml is what would be uploaded; nothing was sent"
    assert {container["image"].rpartition("@")[2] for container in containers(compiled(repository))} == {DIGEST}
    assert not server.runs
    assert not server.uploaded
    assert not (repository / "store").exists()


def test_runs_and_prints_the_link(call, repository, server, tmp_path):
    store = tmp_path / "store"
    result = call("submit", "--host", server.address, "--store", f"{store}/", "--folds", "site5,site7")
    assert result.code == 0
    assert result.out.splitlines()[-1] == f"{server.address}/#/runs/details/run_id-1"
    assert [entry["display_name"] for entry in server.experiments] == ["ddlivm"]
    (run,) = server.runs
    md5 = yaml.safe_load((repository / "data.dvc").read_text())["outs"][0]["md5"]
    params = sha256(repository / "params.yaml")[:16]
    assert run["pipeline_version_reference"] == {"pipeline_id": "pipeline-1", "pipeline_version_id": "version-1"}
    given = run["runtime_config"]["parameters"]
    assert given == {
        "cache_key": f"{md5}+{params}",
        "data_uri": f"{store}/data/{md5}",
        "params_uri": f"{store}/params/{params}.yaml",
        "folds": ["site5", "site7"],
        "sites": [f"site{number}" for number in range(1, 10)],
    }
    assert len(given) <= 10
    assert (store / f"params/{params}.yaml").read_bytes() == (repository / "params.yaml").read_bytes()
    assert f"@{DIGEST}" in server.uploaded[0]


def test_the_same_pipeline_is_uploaded_once(call, server, tmp_path):
    for _ in range(2):
        assert call("submit", "--host", server.address, "--store", str(tmp_path / "store")).code == 0
    assert len(server.uploaded) == 1
    assert [run["pipeline_version_reference"]["pipeline_version_id"] for run in server.runs] == ["version-1"] * 2
    call("submit", "--host", server.address, "--store", str(tmp_path / "store"), "--distributed", "pod", "--gpus", "4")
    assert len(server.uploaded) == 2
    assert len(server.pipelines) == 1


def test_a_schedule(call, server, tmp_path):
    cron = "0 0 3 * * 1"
    result = call("submit", "--host", server.address, "--store", str(tmp_path / "store"), "--cron", cron)
    assert result.out.splitlines()[-1] == f"{server.address}/#/recurringrun/details/recurring_run_id-1"
    (schedule,) = server.schedules
    assert schedule["trigger"]["cron_schedule"]["cron"] == cron
    assert (schedule["max_concurrency"], schedule["no_catchup"], schedule["mode"]) == (1, True, "ENABLE")
    assert not server.runs


def test_dirty_data_is_refused(call, repository, server):
    (repository / "data/sites.yaml").write_text("- id: other\n")
    result = call("submit", "--host", server.address, "--store", str(repository / "store"))
    assert (result.code, result.error) == (
        2,
        "data/: differs from data.dvc; run: dvc add data, or: dvc checkout data.dvc",
    )
    assert not server.runs


def test_an_image_without_a_digest_is_refused(call, repository):
    lock = read_json(repository / "docker/images.lock")
    lock["alignment"]["digest"] = None
    write_json(repository / "docker/images.lock", lock)
    result = call("submit", "--dry-run")
    assert result.code == 2
    assert "host/x/alignment:1 has no digest; push it with: make images REGISTRY=" in result.error


def test_an_unknown_fold_is_refused(call):
    result = call("submit", "--dry-run", "--folds", "site5,site99")
    assert result.error.startswith("--folds: 'site99' is no site; params.yaml has site1, ")


def test_addresses_are_asked_for(call):
    assert call("submit").error == "give --host and --store, or their variables, or --dry-run"
    assert call("status", "x").error == "give --host, or its variable"


def test_a_server_that_refuses_is_one_line(call, repository, server):
    server.refusal = (403, "no such luck\nat line 3")
    result = call("submit", "--host", server.address, "--store", str(repository / "store"))
    assert result.error == f"{server.address}: refused (403 no such luck)"


def test_a_server_that_is_away_is_one_line(call):
    result = call("status", "x", "--host", "http://127.0.0.1:1")
    assert re.fullmatch(r"http://127.0.0.1:1: cannot be reached \(.*\); check --host", result.error)


@pytest.mark.parametrize(("state", "code"), [("SUCCEEDED", 0), ("RUNNING", 0), ("FAILED", 1), ("CANCELED", 1)])
def test_status_says_how_each_stage_stands(call, server, state, code):
    tasks = [
        {"display_name": "alignment", "state": state, "start_time": NOW, "error": {"message": "exit status 2\nmore"}},
        {"display_name": "root-driver", "state": "SUCCEEDED", "start_time": NOW},
    ]
    server.runs.append(
        {"run_id": "r1", "display_name": "a run", "state": state, "created_at": NOW,
         "run_details": {"task_details": tasks}}
    )  # fmt: skip
    result = call("status", "r1", "--host", server.address)
    assert result.code == code
    assert result.out.splitlines() == [
        f"a run: {state}, since 2026-01-02 03:04 UTC",
        f"  {state:<10} alignment",
        "             exit status 2",
    ]


def test_status_of_an_unknown_run_is_one_line(call, server):
    assert call("status", "none", "--host", server.address).error == (
        f"{server.address}: refused (404 Run none not found.)"
    )


def test_training_spreads_over_one_pods_gpus(call, repository):
    call("submit", "--dry-run", "--distributed", "pod", "--gpus", "4")
    training = [c for c in containers(compiled(repository)) if "components.dtft_training" in c["command"]]
    assert len(training) == 2
    for container in training:
        assert container["command"] == [
            "torchrun", "--standalone", "--nproc-per-node=4", "-m", "components.dtft_training",
        ]  # fmt: skip
        assert container["resources"]["accelerator"]["resourceCount"] == "4"
    others = [c for c in containers(compiled(repository)) if c["command"][0] == "python"]
    assert len(others) + len(training) == len(containers(compiled(repository)))


def test_training_spreads_over_pods_by_a_train_job_of_the_same_image(call, repository):
    call("submit", "--dry-run", "--distributed", "trainjob", "--gpus", "4", "--nodes", "2")
    training = [c for c in containers(compiled(repository)) if "components.train_job" in c["command"]]
    assert len(training) == 2
    for container in training:
        manifest = json.loads(container["command"][container["command"].index("--manifest") + 1])
        assert manifest["spec"]["trainer"]["image"] == container["image"] == f"host/x/dtft_training@{DIGEST}"
        assert manifest["spec"]["trainer"]["numNodes"] == 2
        assert "accelerator" not in container["resources"]
        assert container["args"][0] == "--params"


def test_several_nodes_want_a_train_job(call):
    result = call("submit", "--dry-run", "--distributed", "pod", "--nodes", "2")
    assert result.error == "--nodes: one pod is one node; for more give --distributed trainjob"


def test_every_stage_has_an_image(repository):
    assert set(read_json(repository / "docker/images.lock")) == set(GROUPS)
