"""A repository of one site and two folds whose stages write what they were given: the lanes without the science.

Each stage function is replaced by one that takes an instant and writes down the names and words it got, so that what
runs, in which order, and from what, is tested with the project's own dvc.yaml, commands and components.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.imports import ROOT

STAGE_FUNCTIONS = {
    "augmentation/stage.py": "augment_site",
    "segmentation/stage.py": "train_segmenter",
    "alignment/stage.py": "align_sites",
    "training/dtft_stage.py": "train_encoders",
    "training/bank_stage.py": "train_heads",
    "selection/stage.py": "select_head",
    "evaluation/stage.py": "evaluate_fold",
    "evaluation/report.py": "write_report",
    "registry/registration.py": "register",
}
BODY = '''
"""Write down what was given."""
import hashlib, os, time
from pathlib import Path

def content(value):
    if isinstance(value, list):
        return [content(entry) for entry in value]
    if isinstance(value, Path):
        return [file.read_text() for file in sorted(value.rglob("*.txt"))]
    return str(value)

def {function}(*given, **recorded):  # by name comes what is for the record and differs from run to run
    folders = [index for index, value in enumerate(given) if isinstance(value, Path) and value.parent.name == "work"]
    out = given[folders[0] - 1] if folders else given[-1]
    inputs = given[:folders[0] - 1] if folders else given[:-1]
    (out / "half.txt").write_text("half")
    time.sleep(float(os.environ.get("SLOW_{function}", "0")))
    (out / "half.txt").unlink()
    text = repr([content(value) for value in inputs])
    (out / "given.txt").write_text("{function} " + hashlib.sha256(text.encode()).hexdigest())
    (out / "metrics.json").write_text('{{"map40": 0.5}}')
    (out / "report.html").write_text("<p>{function}</p>")
'''
COPIED = (
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".gitignore",
    ".dvc/config",
    ".dvc/.gitignore",
    "components",
    "pipelines",
)
KEPT = (
    "__init__.py",
    "checkpoints.py",
    "errors.py",
    "files.py",
    "parameters",
    "data",
    "progress.py",
    "weight_files.py",
)
REPLACED = {
    r"^sites: .*": "sites: [site2]",
    r"^folds: .*": "folds: [site2, all]",
    r"^(calibration:\n)  sites: .*": r"\1  sites: []",
}
"""What is changed in params.yaml: patterns, each found once, and what they become."""
DVC = Path(sys.prefix) / "bin" / "dvc"
WITHOUT_CACHES = shutil.ignore_patterns("__pycache__")


def make(folder: Path) -> Path:
    """Fill a folder with the miniature repository, its data under DVC and everything committed."""
    for part in (".dvc", "ddlivm", "data"):
        (folder / part).mkdir(parents=True)
    for name in COPIED:
        _copy(ROOT / name, folder / name)
    for name in KEPT:
        _copy(ROOT / "ddlivm" / name, folder / "ddlivm" / name)
    for package in (ROOT / "ddlivm").glob("*/__init__.py"):
        (folder / "ddlivm" / package.parent.name).mkdir(exist_ok=True)
        (folder / "ddlivm" / package.parent.name / "__init__.py").touch()
    for path, function in STAGE_FUNCTIONS.items():
        (folder / "ddlivm" / path).write_text(BODY.format(function=function))
    text = (folder / "params.yaml").read_text()
    for old, new in REPLACED.items():
        text, count = re.subn(old, new, text, flags=re.MULTILINE)
        assert count == 1, old
    (folder / "params.yaml").write_text(text)
    (folder / "data" / "sites.txt").write_text("one site")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".gitignore").open("a").write(".venv\n")
    git(folder, "init", "--quiet")
    dvc(folder, "add", "--quiet", "data")
    commit(folder)
    return folder


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which the miniature's own packages are imported."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


def dvc(folder: Path, *arguments: str, **more: str) -> str:
    """Run DVC in the repository and return what it printed."""
    command = [str(DVC), *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def ran(printed: str) -> list[str]:
    """Return the stages that a `dvc repro` ran."""
    return [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage ")]


def git(folder: Path, *arguments: str) -> str:
    """Run git in the repository and return what it printed."""
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    result = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return result.stdout


def commit(folder: Path) -> None:
    """Commit everything."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


def outputs(folder: Path) -> dict[str, str]:
    """Return every stage's output by its path."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.glob("build/**/given.txt"))}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=WITHOUT_CACHES)
    else:
        shutil.copy(source, target)
