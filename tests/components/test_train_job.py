import json
import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from components import train_job
from ddlivm.errors import InputError
from tests.http_server import running

MANIFEST = {
    "apiVersion": "x",
    "kind": "TrainJob",
    "metadata": {"labels": {"a": "b"}},
    "spec": {"trainer": {"image": "i"}},
}


class Api(HTTPServer):
    """A cluster's API for TrainJobs: each look at a job takes the next of `states`, and `work` runs when it is made."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, dict] = {}
        self.states = ["Created", "Complete"]
        self.refusal: tuple[int, str] | None = None
        self.made = 0

    def work(self, arguments: list[str]) -> None:
        """Do what the stage's container does: read its inputs, write its output and its executor output."""
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        content = json.loads(given["--executor-input"])
        series = [Path(entry["uri"]) for entry in content["inputs"]["artifacts"]["series"]["artifacts"]]
        words = [(path / "word.txt").read_text() for path in (Path(given["--data"]), *series)]
        out = Path(given["--out"])
        out.mkdir(parents=True)
        (out / "encoders.txt").write_text(" ".join(words))
        (entry,) = content["outputs"]["artifacts"]["encoders"]["artifacts"]
        output = {"artifacts": {"encoders": {"artifacts": [entry | {"metadata": {"seconds": 1.5}}]}}}
        Path(content["outputs"]["outputFile"]).write_text(json.dumps(output))


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["metadata"]["name"]
        assert self.headers["Authorization"] == "Bearer secret"
        if self.server.refusal:
            code, message = self.server.refusal
            self._answer(code, {"message": message})
        elif name in self.server.jobs:
            self._answer(409, {"message": "already exists"})
        else:
            self.server.jobs[name] = body
            self.server.made += 1
            self.server.work(body["spec"]["trainer"]["args"])
            self._answer(201, body)

    def do_GET(self):
        state = self.server.states.pop(0) if len(self.server.states) > 1 else self.server.states[0]
        if state == "away":
            self._answer(503, {"message": "away"})
        elif self.path.rpartition("/")[2] not in self.server.jobs:
            self._answer(404, {"message": "not found"})
        else:
            condition = {"type": state, "status": "True", "message": "out of memory"}
            self._answer(200, {"status": {"conditions": [condition]}})

    def do_DELETE(self):
        del self.server.jobs[self.path.rpartition("/")[2]]
        self._answer(200, {})

    def log_message(self, *_):
        pass

    def _answer(self, code, content):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setattr(train_job, "PAUSE", 0.0)
    with running(Api()) as server:
        yield server


@pytest.fixture
def cluster(api, tmp_path):
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("secret\n")
    (account / "namespace").write_text("team")
    found = train_job.in_cluster(account, f"http://127.0.0.1:{api.server_port}")
    assert found.address.endswith("/apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainjobs")
    return found


@pytest.fixture
def arguments(tmp_path):
    """A stage's command line, with inputs of which one's path begins another's."""
    inputs = {"data": "here", "series": "here2"}
    for name in inputs.values():
        (tmp_path / name).mkdir()
        (tmp_path / name / "word.txt").write_text(name)
    content = {
        "inputs": {"artifacts": {key: {"artifacts": [{"uri": str(tmp_path / name)}]} for key, name in inputs.items()}},
        "outputs": {
            "artifacts": {"encoders": {"artifacts": [{"name": "encoders", "uri": str(tmp_path / "run/encoders")}]}},
            "outputFile": str(tmp_path / "run/executor_output.json"),
        },
    }
    return ["--data", str(tmp_path / "here"), "--fold", "site5", "--out", str(tmp_path / "run/encoders"),
            "--executor-input", json.dumps(content)]  # fmt: skip


def run(arguments, cluster, tmp_path):
    train_job.run(MANIFEST, arguments, cluster, tmp_path / "work")


def test_inputs_go_and_outputs_come_back(api, cluster, arguments, tmp_path):
    api.states[:] = ["Created", "away", "Complete"]
    run(arguments, cluster, tmp_path)
    assert (tmp_path / "run/encoders/encoders.txt").read_text() == "here here2"
    written = json.loads((tmp_path / "run/executor_output.json").read_text())
    (entry,) = written["artifacts"]["encoders"]["artifacts"]
    assert entry == {"name": "encoders", "uri": str(tmp_path / "run/encoders"), "metadata": {"seconds": 1.5}}
    assert not api.jobs
    assert not list((tmp_path / "work/train-jobs").iterdir())


def test_the_jobs_pods_are_given_paths_of_the_shared_volume_only(api, cluster, arguments, tmp_path):
    api.states[:] = ["Failed"]
    with pytest.raises(InputError):
        run(arguments, cluster, tmp_path)
    (job,) = api.jobs.values()
    given = dict(zip(job["spec"]["trainer"]["args"][::2], job["spec"]["trainer"]["args"][1::2], strict=True))
    assert given["--fold"] == "site5"
    assert all(given[flag].startswith(f"{tmp_path}/work/train-jobs/ddlivm-") for flag in ("--data", "--out"))
    assert job["metadata"]["labels"] == {"a": "b"}
    assert job["spec"]["trainer"]["image"] == "i"


def test_a_pod_that_replaces_another_waits_for_the_same_job(api, cluster, arguments, tmp_path):
    api.states[:] = ["Failed"]
    with pytest.raises(InputError, match=r"TrainJob ddlivm-\w+ failed: out of memory; its pods' logs say why"):
        run(arguments, cluster, tmp_path)
    shutil.rmtree(tmp_path / "here")  # a new pod's inputs are on the volume already
    api.states[:] = ["Complete"]
    run(arguments, cluster, tmp_path)
    assert api.made == 1
    assert (tmp_path / "run/encoders/encoders.txt").read_text() == "here here2"


def test_a_refusal_is_one_line(api, cluster, arguments, tmp_path):
    api.refusal = (403, "trainjobs is forbidden")
    with pytest.raises(InputError, match=r"the cluster refuses the TrainJob \(403 trainjobs is forbidden\)"):
        run(arguments, cluster, tmp_path)


def test_a_job_that_is_gone_is_one_line(api, cluster, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(train_job, "_start", lambda *_: None)
    with pytest.raises(InputError, match=r"TrainJob ddlivm-\w+ cannot be looked at"):
        run(arguments, cluster, tmp_path)


def test_outside_a_cluster_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(train_job, "ACCOUNT", tmp_path / "none")
    monkeypatch.setattr("sys.argv", ["train_job", "--manifest", "{}", "--", "--data", "x"])
    assert train_job.main() == 2
    assert "has no service account" in capsys.readouterr().err
