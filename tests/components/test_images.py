import json
import subprocess
import sys

import pytest

from components.contents import bill_of_materials, debian_packages
from components.health import MODULES
from components.images import GROUPS, image_of, target_of
from components.readme import stage_names
from ddlivm.detector.packaged import PACKAGED
from tests.imports import ROOT

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_every_stage_has_a_group_and_a_build_target():
    text = (ROOT / "docker/Dockerfile").read_text()
    assert set(GROUPS) == set(stage_names())
    for stage, group in GROUPS.items():
        assert f"FROM {group} AS {target_of(stage)}\n" in text
        assert f'CMD ["python", "-m", "components.{stage}", "--help"]' in text
    assert image_of("dtft_training").startswith("ddlivm-dtft-training:")


def test_a_bill_of_materials_names_what_is_installed():
    bill = bill_of_materials("image", "1")
    found = {component["name"]: component for component in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert found["numpy"]["purl"] == f"pkg:pypi/numpy@{__import__('numpy').__version__}"
    references = [component["bom-ref"] for component in bill["components"]]
    assert references == sorted(references)
    assert json.dumps(bill) == json.dumps(bill_of_materials("image", "1"))


def test_debian_packages_count_when_installed():
    assert [package["purl"] for package in debian_packages(STATUS)] == ["pkg:deb/debian/libc6@2.36-9?arch=amd64"]


def test_health_imports_and_prints():
    command = [sys.executable, "-m", "components.health", "light"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line.split(" ")[0] for line in result.stdout.splitlines()]
    assert names == ["python", "ddlivm", *MODULES["light"].values()]


def test_health_says_what_is_missing(monkeypatch, capsys):
    from components import health

    monkeypatch.setitem(health.MODULES["light"], "no_such_module", "numpy")
    monkeypatch.setattr("sys.argv", ["health", "light"])
    assert health.main() == 1
    assert capsys.readouterr().err == "health: numpy: cannot be imported (No module named 'no_such_module')\n"


@pytest.mark.parametrize("group", sorted(MODULES))
def test_health_covers_what_pyproject_says_an_image_holds(group):
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][group]
    # Pillow is OpenCV's companion for metadata; mmcv-lite and the engine are what mmdet imports. Of the packages with
    # weights, which nothing imports, only a file is read.
    others = {"pillow", "mmcv-lite", "onedl-mmengine", *PACKAGED}
    assert set(declared) - others == set(MODULES[group].values())


def test_a_containers_outputs_say_which_image_and_revision_made_them(monkeypatch):
    from components.provenance import Cost, facts

    def told() -> dict[str, object]:
        return facts([], "key", "", Cost(1.0, 1, 0.0, 0, 1, 1), 0.0, {})

    monkeypatch.setenv("DDLIVM_REVISION", "0123abcd")
    monkeypatch.setenv("DDLIVM_IMAGE", "host/ddlivm-report@sha256:1")
    assert (told()["git"], told()["image"]) == ("0123abcd", "host/ddlivm-report@sha256:1")
    monkeypatch.delenv("DDLIVM_REVISION")
    monkeypatch.delenv("DDLIVM_IMAGE")
    assert told()["image"] is None
