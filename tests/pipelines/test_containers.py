"""The pipeline in real containers. Needs an engine in DOCKER_HOST, and the images: `make images`."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from components.images import GROUPS
from ddlivm.errors import InputError
from ddlivm.files import sha256
from pipelines.engine import check_engine
from pipelines.images.pins import LOCK, Images
from pipelines.local import run, tracking_server
from tests.imports import ROOT
from tests.pipelines import miniature, smoke_repository

pytestmark = pytest.mark.skipif("DOCKER_HOST" not in os.environ, reason="no container engine: DOCKER_HOST is not set")
LIGHT_BYTES = 700_000_000
BESIDE = {"adaptation"}
"""Stages that retraining does not run."""
ARTIFACTS = ("series", "segmenter", "transforms", "encoders", "bank", "selection", "figures")


@pytest.fixture(scope="module")
def images():
    check_engine()
    return Images.load(ROOT / LOCK)


@pytest.fixture(scope="module")
def engine(images):
    import docker

    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="module")
def repository(images, tmp_path_factory):
    """The project with smoke-size data."""
    return smoke_repository.make(tmp_path_factory.mktemp("smoke") / "repository")


@pytest.fixture(scope="module")
def tasks(repository, images, tmp_path_factory):
    """The folder of all containers' outputs."""
    root = tmp_path_factory.mktemp("containers")
    with tracking_server(root / "mlflow") as tracking:
        return run(repository / "data", repository / "params.yaml", root / "runs", images, tracking)


def digest(folder: Path) -> str:
    """Return a digest of a folder's files, their names included."""
    rows = [f"{path.relative_to(folder)} {sha256(path)}" for path in sorted(folder.rglob("*")) if path.is_file()]
    assert rows, folder
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def test_containers_give_what_dvc_gives_to_the_byte(repository, tasks):
    miniature.dvc(repository, "repro")
    for name in ARTIFACTS:
        by_dvc = sorted(digest(path) for path in (repository / "build" / name).iterdir() if path.is_dir())
        written = [path for path in tasks.rglob(f"*/{name}") if path.is_dir() and "registration" not in path.parts]
        by_containers = sorted(map(digest, written))
        assert by_containers == by_dvc, name
    assert digest(tasks / "report/output") == digest(repository / "build/report")
    assert digest(tasks / "registration/model") == digest(repository / "build/registration")


def test_the_page_the_tables_and_the_metrics_reach_kubeflow(tasks):
    shown = json.loads((tasks / "report/executor_output.json").read_text())["artifacts"]
    figures = json.loads((tasks / "report/output/metrics.json").read_text())
    assert figures["predictions"] > 0
    assert shown["metrics"]["artifacts"][0]["metadata"] == {
        name: pytest.approx(value) for name, value in figures.items() if isinstance(value, int | float)
    }
    assert (tasks / "report/page").read_text().startswith("<!DOCTYPE html>")
    assert (tasks / "report/tables").read_text().count("| --- |") > 1
    registered = json.loads((tasks / "registration/registered.json").read_text())
    assert (registered["name"], registered["version"]) == ("ddlivm", "1")


def test_every_container_says_which_image_it_ran(tasks, images):
    sidecars = list(tasks.rglob("*.provenance.json"))
    told = {json.loads(path.read_text())["image"] for path in sidecars}
    assert told == {image.name for stage, image in images.by_stage.items() if stage not in BESIDE}


def test_a_container_that_fails_fails_the_run(repository, images, tmp_path, capfd):
    data = tmp_path / "data"
    shutil.copytree(repository / "data", data)
    broken = next(iter(sorted((data / "site2" / "infrared").iterdir())))
    broken.write_bytes(b"no image")
    with pytest.raises(InputError, match="the run failed"):
        run(data, repository / "params.yaml", tmp_path / "runs", images, "http://127.0.0.1:1")
    assert broken.name in capfd.readouterr().out  # the container's own line
    assert not list(tmp_path.rglob("report"))
    assert not list((tmp_path / "runs").rglob("*.partial"))


@pytest.mark.parametrize(("stage", "group"), GROUPS.items())
def test_images_are_small_unprivileged_and_say_what_they_are(engine, images, stage, group):
    image = engine.images.get(images.by_stage[stage].name)
    configuration = image.attrs["Config"]
    assert image.id == images.by_stage[stage].identity
    assert configuration["User"] == "1000:1000"
    assert configuration["Healthcheck"]["Test"] == ["CMD", "python", "-m", "components.health", group]
    assert configuration["Labels"]["org.opencontainers.image.revision"] not in ("", "unknown")
    assert configuration["Labels"]["ddlivm.data"].endswith(".dir")
    assert ("torch==" in configuration["Labels"]["ddlivm.versions"]) == (group == "heavy")
    if group == "light":
        assert image.attrs["Size"] < LIGHT_BYTES


def test_all_heavy_images_share_their_layers(engine, images):
    layers = {
        group: {
            tuple(engine.images.get(images.by_stage[stage].name).attrs["RootFS"]["Layers"])
            for stage, given in GROUPS.items()
            if given == group
        }
        for group in ("light", "heavy")
    }
    assert len(layers["light"]) == len(layers["heavy"]) == 1
    shared = [a == b for a, b in zip(*(next(iter(layers[group])) for group in ("light", "heavy")), strict=False)]
    assert sum(shared) >= 3  # base, user, light dependencies


@pytest.mark.parametrize("stage", ["report", "alignment"])
def test_an_image_imports_what_it_is_made_of_and_holds_no_tools(engine, images, stage):
    name = images.by_stage[stage].name
    command = [
        "sh",
        "-c",
        f"! command -v gcc cc g++ pip uv && ! test -w /opt/ddlivm && python -m components.health {GROUPS[stage]}",
    ]
    printed = engine.containers.run(
        name, command, remove=True, network_mode="none", read_only=True, tmpfs={"/tmp": ""}
    ).decode()
    assert "numpy" in printed
    assert ("torch " in printed) == (GROUPS[stage] == "heavy")
