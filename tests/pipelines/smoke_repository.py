"""The project in a repository of its own with smoke-size data: the whole science, in DVC's lane."""

import shutil
import sys
from pathlib import Path

from pipelines.smoke import write_data, write_params
from tests.imports import ROOT
from tests.pipelines import miniature


def make(folder: Path) -> Path:
    """Fill a folder with the project, its data under DVC and everything committed."""
    for part in (".dvc", "data"):
        (folder / part).mkdir(parents=True)
    for name in (*miniature.COPIED, "ddlivm"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=miniature.WITHOUT_CACHES)
        else:
            shutil.copy(source, folder / name)
    (folder / "data").rmdir()
    write_data(folder / "data")
    write_params(ROOT / "params.yaml", folder / "params.yaml")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".gitignore").open("a").write(".venv\n")
    miniature.git(folder, "init", "--quiet")
    miniature.dvc(folder, "add", "--quiet", "data")
    miniature.commit(folder)
    return folder
