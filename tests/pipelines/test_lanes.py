import pytest

from components.arguments import build_parser
from components.readme import load_stage, stage_names
from ddlivm.files import read_yaml
from ddlivm.parameters import load_parameters
from tests.imports import ROOT, closure_of
from tests.pipelines.lanes import COLLECTED, LANE_FLAGS, RETRAINING, component, container_argv, dvc_stages, without

FIRST = {stage: next(entry for entry in dvc_stages() if entry.stage == stage) for stage in RETRAINING}
VALUES = {"hstd_augmentation": {"series": "build/series/{0}"}, "registration": {"model": "build/registration"},
          "report": {"output": "build/report"}}  # fmt: skip


def values(stage: str, member: str) -> dict[str, str]:
    """Return what DVC's lane has in the place of each of the container's inputs and outputs."""
    fold = "all" if stage == "registration" else member
    parts = ("segmenter", "transforms", "encoders", "bank", "selection", "figures")
    common = {name: f"build/{name}/{fold}" for name in parts}
    common |= {"params": "params.yaml", "data": "data", "site": member, "fold": member, "cache_key": ""}
    return common | {name: text.format(member) for name, text in VALUES.get(stage, {}).items()}


@pytest.mark.parametrize("entry", dvc_stages(), ids=lambda entry: f"{entry.stage}-{entry.member}")
def test_both_lanes_say_the_same(entry):
    container = container_argv(entry.stage, values(entry.stage, entry.member))
    assert without(entry.argv, (*LANE_FLAGS, *COLLECTED)) == without(container, LANE_FLAGS)


@pytest.mark.parametrize("stage", RETRAINING)
def test_lists_travel_in_the_executor_input_and_nowhere_else(stage):
    declared, _ = load_stage(stage)
    lists = {f"--{entry.name}": entry.artifacts for entry in declared.inputs if entry.over is not None}
    named = {flag: COLLECTED[flag] for flag in COLLECTED if flag in FIRST[stage].argv}
    assert lists == named
    inputs = component(stage).component_spec.inputs
    assert {name for name, given in inputs.items() if given.is_artifact_list} == {
        artifacts[0] for artifacts in named.values()
    }
    assert all(artifact in inputs for artifacts in named.values() for artifact in artifacts)


@pytest.mark.parametrize("stage", RETRAINING)
def test_the_command_takes_both_lanes_arguments(stage):
    declared, _ = load_stage(stage)
    parser = build_parser(declared, "")
    entry = FIRST[stage]
    by_dvc = vars(parser.parse_args(entry.argv[3:]))
    by_container = vars(parser.parse_args(container_argv(stage, values(stage, entry.member))[3:]))
    told = {name for name, value in by_container.items() if value is not None}
    assert {"params", "out", "work", "cache_key", "executor_input"} <= told
    collected = {flag.removeprefix("--") for flag in COLLECTED}
    same = set(by_dvc) - collected - {"work", "cache_key", "executor_input"}
    assert {name: by_dvc[name] for name in same} == {name: by_container[name] for name in same}


@pytest.mark.parametrize("entry", dvc_stages(), ids=lambda entry: f"{entry.stage}-{entry.member}")
def test_keys_read_are_keys_declared(entry):
    profile = read_yaml(ROOT / "params.yaml")["profile"]
    declared, _ = load_stage(entry.stage)
    assert entry.params == declared.keys(profile)


def test_every_profile_has_an_overlay_for_every_stage():
    content = read_yaml(ROOT / "params.yaml")
    for profile in ("demo", "small", "paper"):
        assert set(stage_names()) <= set(content["profiles"][profile]), profile
    assert load_parameters(ROOT / "params.yaml").profile == content["profile"]


@pytest.mark.parametrize("entry", dvc_stages(), ids=lambda entry: f"{entry.stage}-{entry.member}")
def test_paths_on_the_command_line_are_what_dvc_watches(entry):
    declared, _ = load_stage(entry.stage)
    given = vars(build_parser(declared, "").parse_args(entry.argv[3:]))
    assert {str(given[path.name]) for path in declared.inputs} == {
        dep for dep in entry.deps if dep.startswith(("data", "build/"))
    }
    assert entry.outs == {str(given["out"])}


@pytest.mark.parametrize("stage", RETRAINING)
def test_the_code_that_a_stage_runs_is_what_dvc_watches(stage):
    run = f"components.{stage}.__main__"
    unwatched = ("ddlivm.parameters", "ddlivm.errors", "ddlivm.files", "components.")  # values and errors, no results
    code = {name for name in closure_of(run) if name.startswith("ddlivm.") and not name.startswith(unwatched)}
    watched = {dep.removesuffix(".py").replace("/", ".") for dep in FIRST[stage].deps if dep.startswith("ddlivm/")}
    assert {name for name in code if ".".join(name.split(".")[:2]) not in watched} == set()
    assert f"components/{stage}/__main__.py" in FIRST[stage].deps
    assert {name for name in watched if not any(used.startswith(name) for used in code)} == set()


def test_no_documentation_is_watched():
    watched = {dep for entry in dvc_stages() for dep in entry.deps}
    assert not any(dep.endswith(".md") or dep.startswith(("docs", "tests", "README")) for dep in watched)
    assert not list((ROOT / "ddlivm").rglob("*.md"))


def test_the_plots_of_every_fold_are_declared():
    declared = {path for entry in read_yaml(ROOT / "dvc.yaml")["plots"] for path in entry}
    folds = load_parameters(ROOT / "params.yaml").folds
    names = ("pr", "training", "selection")
    assert declared == {f"build/report/plots/{name}_{fold}.csv" for name in names for fold in folds}
