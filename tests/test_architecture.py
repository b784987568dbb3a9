import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from components.readme import stage_names
from tests.imports import ROOT, closure_of, imports_of, project_modules

SHARED = {"ddlivm", "data", "parameters", "files", "errors", "checkpoints", "progress", "weight_files"}
ARROWS = {
    "data": set(),
    "parameters": set(),
    "files": set(),
    "errors": set(),
    "checkpoints": set(),
    "progress": set(),
    "weight_files": set(),
    "simulation": set(),
    # The demo's segmenter begins with the detector's pretrained features.
    "segmentation": {"detector"},
    "augmentation": set(),
    "detector": {"thermography"},
    "evaluation": set(),
    "alignment": {"segmentation"},
    "training": {"detector", "augmentation"},
    # The source defects that head selection pastes are kept by HSTD augmentation; panels are found by the segmenter,
    # their heat by thermography.
    "selection": {"detector", "augmentation", "segmentation", "thermography"},
    "thermography": set(),
    "adaptation": {"detector", "training", "augmentation", "thermography", "selection"},
    "inspection": {
        *("alignment", "segmentation", "thermography", "detector", "selection", "augmentation", "evaluation"),
        "adaptation",
    },
    "registry": {"inspection", "evaluation"},
}
HEAVY = ("torch", "torchvision", "mmdet", "mmcv", "mlflow", "kfp", "pandas", "lightning", "dvc", "timm")
OUTSIDE = {"kfp": "ddlivm", "dvc": "ddlivm", "mlflow": "ddlivm.registry", "boto3": "ddlivm.registry"}


def part(module: str) -> str:
    """Return the part of `ddlivm` that a module belongs to."""
    return module.split(".")[1] if "." in module else module


def arrows() -> list[tuple[str, str]]:
    return [
        (module, entry.module)
        for module in project_modules()
        for entry in imports_of(module)
        if entry.module in project_modules()
    ]


def test_pipelines_import_components_and_components_import_the_science():
    ranks = {"ddlivm": 0, "components": 1, "pipelines": 2}
    # The command line stands above all three: it starts what any of them does.
    upward = [
        (module, other)
        for module, other in arrows()
        if ranks[other.split(".")[0]] > ranks[module.split(".")[0]] and module != "ddlivm.cli"
    ]
    assert upward == []


@pytest.mark.parametrize("name", sorted(ARROWS))
def test_a_part_of_the_science_imports_only_what_the_design_draws(name):
    wrong = [
        (module, other)
        for module, other in arrows()
        if module.startswith("ddlivm.") and other.startswith("ddlivm") and part(module) == name
        if part(other) not in SHARED | ARROWS[name] | {name}
    ]
    assert wrong == []


def test_every_part_of_the_science_is_drawn():
    parts = {part(module) for module in project_modules() if module.startswith("ddlivm.")}
    assert parts - {"cli"} <= set(ARROWS)


def test_the_command_line_imports_commands_only():
    wrong = [
        entry.module
        for module in project_modules()
        if module == "ddlivm.cli"
        for entry in imports_of(module)
        if entry.module in project_modules() and not entry.module.endswith(".command")
        if part(entry.module) not in SHARED
    ]
    assert wrong == []


def test_no_circles():
    graph: dict[str, set[str]] = {module: set() for module in project_modules()}
    for module in project_modules():
        graph[module] = {
            entry.module for entry in imports_of(module) if entry.at_load and entry.module in project_modules()
        } - {module}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_no_circles_between_parts():
    graph = {name: set(targets) for name, targets in ARROWS.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(ARROWS)


def test_mmdet_enters_by_one_module_of_the_detector():
    users = {
        module
        for module in project_modules()
        for entry in imports_of(module)
        if entry.module.split(".")[0] in ("mmdet", "mmengine")
    }
    assert len(users) <= 1
    assert all(user.startswith("ddlivm.detector.") for user in users)


@pytest.mark.parametrize("library", sorted(OUTSIDE))
def test_the_science_knows_no_orchestrator(library):
    allowed = OUTSIDE[library]
    users = [
        module
        for module in project_modules()
        if module.startswith("ddlivm") and not (allowed != "ddlivm" and module.startswith(allowed))
        for entry in imports_of(module)
        if entry.module.split(".")[0] == library
    ]
    assert users == []


def test_lightning_stays_in_training():
    users = [
        module
        for module in project_modules()
        for entry in imports_of(module)
        if entry.module.split(".")[0] == "lightning"
    ]
    assert all(user.startswith("ddlivm.training") for user in users)


@pytest.mark.parametrize("package", ["data", "parameters", "simulation", "evaluation", "alignment", "thermography"])
def test_light_parts_load_nothing_heavy(package):
    heavy = [
        (module, entry.module)
        for module in project_modules()
        if module.startswith(f"ddlivm.{package}")
        for entry in imports_of(module)
        if entry.at_load and entry.module.split(".")[0] in HEAVY
    ]
    assert heavy == []


def test_evaluation_needs_no_torch():
    reached = {name for root in ("stage", "report") for name in closure_of(f"ddlivm.evaluation.{root}")}
    users = [
        (name, entry.module)
        for name in reached
        for entry in imports_of(name)
        if entry.module.split(".")[0] in ("torch", "torchvision", "mmdet")
    ]
    assert users == []


@pytest.mark.parametrize("stage", stage_names())
def test_help_is_answered_without_loading_what_is_heavy(stage):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['{stage}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('components.{stage}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        f"loaded = sorted(set({(*HEAVY, 'numpy', 'cv2', 'pydantic')!r}) & set(sys.modules))\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"python -m components.{stage}" in result.stdout
