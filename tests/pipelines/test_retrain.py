import json
import re
import subprocess
import sys

import pytest
import yaml
from kfp import compiler

from components.readme import stage_names
from pipelines.platform import NEEDS
from pipelines.retrain import retrain
from tests.imports import ROOT
from tests.pipelines import miniature
from tests.pipelines.lanes import RETRAINING

GOLDEN = ROOT / "tests/pipelines/golden/retrain.yaml"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The compiled pipeline: its specification and its platform's."""
    path = tmp_path_factory.mktemp("compiled") / "retrain.yaml"
    compiler.Compiler().compile(retrain, str(path))
    return path


@pytest.fixture(scope="module")
def specification(compiled):
    return list(yaml.safe_load_all(compiled.read_text()))


def test_compiles_to_the_golden_copy(compiled):
    assert compiled.read_text() == GOLDEN.read_text(), "look at the difference; if it is meant, run: make golden"


def test_has_at_most_ten_parameters_each_explained(specification):
    parameters = specification[0]["root"]["inputDefinitions"]["parameters"]
    assert 1 <= len(parameters) <= 10
    assert all(parameter["description"] for parameter in parameters.values())


def test_every_stage_is_in_the_pipeline_with_what_it_needs(specification):
    executors = specification[0]["deploymentSpec"]["executors"]
    for stage in RETRAINING:
        container = executors[f"exec-{stage.replace('_', '-')}"]["container"]
        assert container["command"] == ["python", "-m", f"components.{stage}"]
        assert ("accelerator" in container["resources"]) is bool(NEEDS[stage].gpus)
    assert set(NEEDS) == set(stage_names())


def test_holds_no_secret(compiled, specification):
    text = compiled.read_text()
    assert not re.search(r"AKIA[0-9A-Z]{16}|password|BEGIN [A-Z ]*PRIVATE KEY|secretValue|://[^/\s]*@", text)
    executors = specification[0]["deploymentSpec"]["executors"].values()
    assert not [executor for executor in executors if executor.get("container", {}).get("env")]
    placed = specification[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    told = [secret for executor in placed for secret in executor.get("secretAsEnv", ())]
    assert told
    assert {field for secret in told for field in secret} <= {
        "secretName", "secretNameParameter", "keyToEnv", "optional",
    }  # fmt: skip


def test_runs_whole_in_kubeflows_own_runner_to_what_dvc_gives(finished, tmp_path):
    program = str(ROOT / "tests/pipelines/local_run.py")
    environment = miniature.environment(PYTHONPATH=str(finished.folder))
    miniature.git(finished.folder, "checkout", "--quiet", "params.yaml")
    result = subprocess.run(
        [sys.executable, program, str(tmp_path)], cwd=finished.folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    (run,) = tmp_path.iterdir()
    assert sorted(path.read_text() for path in run.rglob("given.txt")) == sorted(finished.outputs.values())
    report = json.loads((run / "report" / "executor_output.json").read_text())["artifacts"]
    assert report["metrics"]["artifacts"][0]["metadata"] == {"map40": 0.5}
    assert (run / "report" / "page").read_text() == "<p>write_report</p>\n"
