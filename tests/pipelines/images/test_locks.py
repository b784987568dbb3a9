import tomllib
from importlib import metadata

import pytest

from ddlivm.errors import InputError
from pipelines.images import locks
from tests.imports import ROOT, closure_of, imports_of

WHOLE = locks.read_lock(ROOT / "requirements.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REPLACED = {"opencv-python", "mmengine"}


@pytest.fixture(scope="module")
def written():
    return {group: locks.read_lock(ROOT / f"docker/{group}.lock") for group in ("light", "heavy")}


def test_are_parts_of_the_whole_lock_at_its_versions(written):
    assert written["light"].items() <= WHOLE.items()
    assert written["heavy"].items() <= WHOLE.items()
    assert not set(written["light"]) & set(written["heavy"])


def test_hold_what_the_groups_need_and_no_more(written):
    groups = PROJECT["dependency-groups"]
    light = locks.closure(groups["light"], WHOLE, REPLACED)
    assert set(written["light"]) == light, "run: python -m pipelines.images.locks"
    assert set(written["heavy"]) == locks.closure(groups["heavy"], WHOLE, REPLACED) - light


def test_light_images_hold_no_torch_and_only_mlflows_client(written):
    assert not {"torch", "torchvision", "mmdet", "nvidia-cudnn-cu13", "mlflow", "kfp", "dvc"} & set(written["light"])
    assert "mlflow-skinny" in written["light"]
    assert {"torch", "mmdet"} <= set(written["heavy"])
    assert not {"pytest", "mypy", "ruff"} & set(written["heavy"])


@pytest.mark.parametrize("stage", ["cross_domain_evaluation", "report", "registration"])
def test_a_light_stage_imports_only_what_its_image_holds(stage, written):
    providers = metadata.packages_distributions()
    # components.processes meets torch under torchrun alone, which comes with it.
    modules = closure_of(f"components.{stage}.__main__") - {"components.processes"}
    imported = {entry.module.split(".")[0] for name in modules for entry in imports_of(name)}
    missing = {
        module
        for module in imported & set(providers)
        if not {locks.normalised(name) for name in providers[module]} & {*written["light"], "ddlivm"}
    }
    assert missing == set()


def test_follows_extras_and_refuses_what_is_not_locked():
    assert "aiohttp" not in locks.closure(["fsspec"], WHOLE)
    assert "aiohttp" in locks.closure(["fsspec[http]"], WHOLE)
    with pytest.raises(InputError, match="has no annotated-types, which pydantic requires; run: make lock"):
        locks.closure(["pydantic"], {name: version for name, version in WHOLE.items() if name != "annotated-types"})


def test_an_environment_of_other_versions_is_refused():
    with pytest.raises(InputError, match=r"pyyaml .* is installed, requirements.lock has 0.0.1; run: make setup"):
        locks.closure(["pyyaml"], WHOLE | {"pyyaml": "0.0.1"})


def test_a_lock_without_exact_versions_is_refused(tmp_path):
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6\npandas>=3\n")
    with pytest.raises(InputError, match=r"requirements.lock:2: expected name==version, got 'pandas>=3'"):
        locks.read_lock(tmp_path / "requirements.lock")
