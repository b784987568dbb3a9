import os
import sys

import pytest

from ddlivm.errors import InputError
from ddlivm.parameters import load_parameters
from pipelines import local, smoke
from tests.imports import ROOT

SERVER = """#!{python}
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Health).serve_forever()
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program in MLflow's place."""
    monkeypatch.delenv(local.TRACKING, raising=False)

    def write(text: str) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/mlflow").write_text(text)
        (tmp_path / "bin/mlflow").chmod(0o755)
        monkeypatch.setattr(local.sys, "executable", str(tmp_path / "bin/python"))

    return write


def test_smoke_parameters_are_valid_and_run_two_folds_beside_the_one_that_ships(tmp_path):
    smoke.write_params(ROOT / "params.yaml", tmp_path / "params.yaml")
    parameters = load_parameters(tmp_path / "params.yaml")
    assert parameters.folds == ["site1", "site3", "all"]
    assert parameters.gate.sites == ["site2"]
    assert parameters.dtft_training.epochs == 1
    assert parameters.head_checkpointing.tiles.per_epoch < parameters.dtft_training.tiles.per_epoch == 40
    whole = load_parameters(ROOT / "params.yaml")
    assert parameters.dtft_training.working_size == whole.dtft_training.working_size


def test_without_images_it_says_what_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["local"])
    assert local.main() == 2
    expected = "pipeline-local: docker/images.lock: does not exist; build the images with: make images\n"
    assert capsys.readouterr().err == expected


def test_data_comes_with_its_parameters(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["local", "--data", str(tmp_path)])
    with pytest.raises(SystemExit):
        local.main()
    assert "give --data and --params together, or neither" in capsys.readouterr().err


def test_a_server_that_is_named_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv(local.TRACKING, "https://mlflow.example.com")
    with local.tracking_server(tmp_path / "mlflow") as address:
        assert address == "https://mlflow.example.com"
    assert not (tmp_path / "mlflow").exists()


def test_a_server_lives_as_long_as_the_run(program, tmp_path):
    program(SERVER.format(python=os.path.realpath(sys.executable)))
    with local.tracking_server(tmp_path / "mlflow") as address:
        local.urlopen(f"{address}/health").close()
    with pytest.raises(OSError, match="refused"):
        local.urlopen(f"{address}/health")


def test_a_server_that_does_not_start_is_one_line(program, tmp_path):
    program("#!/bin/sh\necho no database\n")
    with (
        pytest.raises(InputError, match=r"MLflow did not start; .*server.log says why"),
        local.tracking_server(tmp_path / "mlflow"),
    ):
        pass
    assert (tmp_path / "mlflow/server.log").read_text() == "no database\n"
