import shutil

import pytest

from components.images import GROUPS
from pipelines.images.pins import LOCK, Image, Images
from tests.imports import ROOT
from tests.pipelines import miniature
from tests.pipelines.submission.server import kubeflow

DIGEST = "sha256:" + 64 * "a"


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A repository whose data is committed and whose images are pushed."""
    folder = tmp_path_factory.mktemp("published") / "repository"
    (folder / "data").mkdir(parents=True)
    (folder / "data/sites.yaml").write_text("- id: site1\n")
    (folder / "data/site1").mkdir()
    (folder / "data/site1/pair.txt").write_text("first")
    shutil.copy(ROOT / "params.yaml", folder)
    miniature.git(folder, "init", "--quiet")
    miniature.dvc(folder, "init", "--quiet")
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    miniature.dvc(folder, "add", "--quiet", "data")
    Images({stage: Image(f"host/x/{stage}:1", "sha256:1", DIGEST) for stage in GROUPS}).save(folder / LOCK)
    miniature.commit(folder)
    return folder


@pytest.fixture
def repository(published, tmp_path, monkeypatch):
    """A copy to work in."""
    folder = tmp_path / "repository"
    shutil.copytree(published, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for name in ("KFP_HOST", "DDLIVM_STORE", "KFP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def server():
    with kubeflow() as running:
        yield running
