import yaml
from kfp import compiler

from components.adaptation.__main__ import STAGE
from components.arguments import build_parser
from pipelines.inspection import adapt
from pipelines.platform import NEEDS
from tests.pipelines.lanes import container_argv


def test_the_pipeline_runs_the_stage_with_what_it_needs(tmp_path):
    compiler.Compiler().compile(adapt, str(tmp_path / "adapt.yaml"))
    specification, platform = yaml.safe_load_all((tmp_path / "adapt.yaml").read_text())
    container = specification["deploymentSpec"]["executors"]["exec-adaptation"]["container"]
    assert container["command"] == ["python", "-m", "components.adaptation"]
    assert container["resources"]["accelerator"]["resourceCount"] == str(NEEDS["adaptation"].gpus)
    placed = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-adaptation"]
    assert placed["securityContext"]["runAsNonRoot"]
    assert set(specification["root"]["inputDefinitions"]["parameters"]) == {
        "data_uri", "params_uri", "model_uri", "site", "cache_key",
    }  # fmt: skip


def test_the_container_says_what_the_command_takes():
    argv = container_argv("adaptation", {name: f"/{name}" for name in ("params", "data", "model", "site", "adapted")})
    arguments = build_parser(STAGE, "").parse_args(argv[3:])
    assert [str(arguments.data), str(arguments.model), arguments.site, str(arguments.out)] == [
        "/data", "/model", "/site", "/adapted",
    ]  # fmt: skip
