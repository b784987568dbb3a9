import json
import re
import shutil

import pytest

from components.images import GROUPS, target_of
from pipelines.images import build
from pipelines.images.pins import Images
from tests.imports import ROOT

CLIENT = """#!/bin/sh
# A client that keeps its images as files, named by their tags.
echo "$@" >> calls
case $1 in
build) test ! -e refuse || { echo "no space" >&2; exit 1; }
       while [ $# -gt 1 ]; do test "$1" = --tag && touch "images/$(echo $2 | tr / _)"; shift; done ;;
push) touch pushed ;;
run) echo '{"bomFormat": "CycloneDX"}' ;;
image) template=$4; name=$5; test -e "images/$(echo $name | tr / _)" || exit 1
       case $template in
       *Id*) echo sha256:1 ;;
       *Size*) echo 655000000 ;;
       *Digests*) test -e pushed && echo "other/place@sha256:9 ${name%:*}@sha256:2" ;;
       esac ;;
esac
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with a client that writes down how it was called."""
    for name in ("docker", "ddlivm", "components"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "images.lock"))
    for name in ("pyproject.toml", "data.dvc"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "images").mkdir()
    (tmp_path / "client").write_text(CLIENT)
    (tmp_path / "client").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch, capfd):
    def call(*arguments: str):
        monkeypatch.setattr("sys.argv", ["build", "--docker", str(folder / "client"), *arguments])
        (folder / "calls").write_text("")
        code = build.main()
        return code, capfd.readouterr(), (folder / "calls").read_text().splitlines()

    return call


def builds(calls: list[str]) -> list[str]:
    return [line for line in calls if line.startswith("build ")]


def test_builds_a_target_a_stage_and_writes_the_lock_and_the_contents(folder, run):
    code, printed, calls = run("--base", "local/base:1", "--network", "host", "--certificates", "/ca.crt")
    assert code == 0, printed.err
    assert re.findall(r"--target (\S+)", " ".join(builds(calls))) == list(map(target_of, GROUPS))
    first = builds(calls)[0]
    assert "--build-arg BASE_IMAGE=local/base:1" in first
    assert "--network=host --secret=id=certificates,src=/ca.crt" in first
    assert re.search(r"--build-arg DATA=[0-9a-f]{32}\.dir", first)
    assert "torch==" in first
    assert "torch==" not in next(line for line in builds(calls) if "--target report " in line)
    images = Images.load(folder / "docker/images.lock")
    assert {image.digest for image in images.by_stage.values()} == {None}
    for stage in GROUPS:
        assert json.loads((folder / f"build/images/{stage}.cdx.json").read_text()) == {"bomFormat": "CycloneDX"}
    assert "655" in printed.out


def test_the_same_content_is_built_once(folder, run):
    run()
    (folder / "components" / "alignment" / "README.md").write_text("other words")
    code, printed, calls = run()
    assert (code, builds(calls)) == (0, [])
    assert printed.out.count("present") == len(GROUPS)


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [("docker/heavy.lock", "heavy"), ("docker/light.lock", "both"), ("components/stage.py", "both")],
)
def test_what_changed_is_built_again(folder, run, changed, rebuilt):
    run()
    names = Images.load(folder / "docker/images.lock").named
    (folder / changed).write_text((folder / changed).read_text() + ("\n" if changed.endswith(".py") else "x==1\n"))
    run()
    after = Images.load(folder / "docker/images.lock").named
    assert {stage for stage in GROUPS if names[stage] != after[stage]} == {
        stage for stage, group in GROUPS.items() if rebuilt in (group, "both")
    }


def test_a_registry_gives_digests(folder, run):
    code, _, calls = run("--registry", "registry.example.com/team/")
    assert code == 0
    assert sum(line.startswith("push ") for line in calls) == len(GROUPS)
    image = Images.load(folder / "docker/images.lock").by_stage["report"]
    assert image.pinned == "registry.example.com/team/ddlivm-report@sha256:2"


def test_a_build_that_fails_is_one_line_and_writes_no_lock(folder, run):
    (folder / "refuse").touch()
    code, printed, _ = run()
    assert code == 2
    assert printed.err.splitlines()[0] == "no space"
    assert re.fullmatch(r"images: \S+ build: failed \(exit status 1\); see above", printed.err.splitlines()[-1])
    assert not (folder / "docker/images.lock").exists()


def test_no_client_is_one_line(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["build", "--docker", "/nowhere/docker"])
    assert build.main() == 2
    assert capsys.readouterr().err.startswith("images: /nowhere/docker: cannot be run (No such file or directory)")
