import pytest
import yaml

from components.images import GROUPS, image_of
from ddlivm.errors import InputError
from pipelines.images.pins import Image, Images, pin
from tests.imports import ROOT

DIGEST = "sha256:" + 64 * "a"
PUSHED = Images({stage: Image(f"host/x/{stage}:1", "sha256:1", DIGEST) for stage in GROUPS})


@pytest.fixture(scope="module")
def specification():
    return next(iter(yaml.safe_load_all((ROOT / "tests/pipelines/golden/retrain.yaml").read_text())))


def containers(specification) -> list[dict]:
    executors = specification["deploymentSpec"]["executors"].values()
    return [executor["container"] for executor in executors if "container" in executor]


def test_every_container_gets_its_stages_image_and_is_told_it(specification):
    pinned = pin(specification, PUSHED.pinned)
    for container in containers(pinned):
        stage = container["command"][2].split(".")[1]
        stage = "report" if stage == "notification" else stage
        assert container["image"] == f"host/x/{stage}@{DIGEST}"
        assert container["env"] == [{"name": "DDLIVM_IMAGE", "value": container["image"]}]
    assert len(containers(pinned)) > len(GROUPS)


def test_changes_nothing_else_and_leaves_what_it_was_given(specification):
    before = yaml.safe_dump(specification)
    pinned = pin(specification, {stage: image_of(stage) for stage in GROUPS})
    for container in containers(pinned):
        assert [entry["value"] for entry in container.pop("env")] == [container["image"]]
    assert pinned == specification
    assert yaml.safe_dump(specification) == before


def test_an_unknown_image_is_refused(specification):
    with pytest.raises(InputError, match="is no stage's image"):
        pin(specification, {stage: image_of(stage) for stage in GROUPS if stage != "alignment"})


def test_an_image_that_was_not_pushed_has_no_digest():
    with pytest.raises(InputError, match=r"ddlivm-report:1 has no digest; push it with: make images REGISTRY="):
        _ = Image("ddlivm-report:1", "sha256:1").pinned
    assert Image("host:5000/a/b:tag", "sha256:1", DIGEST).pinned == f"host:5000/a/b@{DIGEST}"


def test_saves_and_loads(tmp_path):
    PUSHED.save(tmp_path / "images.lock")
    assert Images.load(tmp_path / "images.lock") == PUSHED
    assert PUSHED.named["report"] == "host/x/report:1"


@pytest.mark.parametrize("text", ["{}", '{"alignment": {"name": 1}}', "[]"])
def test_a_lock_without_every_stage_is_refused(tmp_path, text):
    (tmp_path / "images.lock").write_text(text)
    with pytest.raises(InputError, match="has no whole entry for every stage"):
        Images.load(tmp_path / "images.lock")


def test_no_lock_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="does not exist; build the images with: make images"):
        Images.load(tmp_path / "images.lock")
