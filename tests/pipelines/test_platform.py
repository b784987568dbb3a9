from typing import Any

import pytest
import yaml

from components.images import SCRATCH
from pipelines import platform
from pipelines.platform import NEEDS
from tests.imports import ROOT
from tests.pipelines.lanes import RETRAINING

RETRAINED = [(stage, NEEDS[stage]) for stage in RETRAINING]
GOLDEN = ROOT / "tests/pipelines/golden/retrain.yaml"
SPECIFICATION, KUBERNETES = (dict(document) for document in yaml.safe_load_all(GOLDEN.read_text()))
PLACED = KUBERNETES["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def label(stage: str) -> str:
    return f"exec-{stage.replace('_', '-')}"


def tasks() -> list[dict[str, Any]]:
    graphs = [SPECIFICATION["root"], *SPECIFICATION["components"].values()]
    return [task for graph in graphs if "dag" in graph for task in graph["dag"]["tasks"].values()]


def tasks_of(stage: str) -> list[dict[str, Any]]:
    name = f"comp-{stage.replace('_', '-')}"
    return [task for task in tasks() if task["componentRef"]["name"].removesuffix("-2") == name]


@pytest.mark.parametrize(("stage", "needs"), RETRAINED)
def test_every_stage_runs_as_the_images_user_for_a_limited_time(stage, needs):
    placed = PLACED[label(stage)]
    assert placed["securityContext"] == {"runAsUser": "1000", "runAsGroup": "1000", "runAsNonRoot": True}
    assert int(placed["activeDeadlineSeconds"]) == needs.hours * 3600


@pytest.mark.parametrize(("stage", "needs"), RETRAINED)
def test_gpus_come_with_their_product_toleration_and_shared_memory(stage, needs):
    resources = SPECIFICATION["deploymentSpec"]["executors"][label(stage)]["container"]["resources"]
    placed = PLACED[label(stage)]
    if not needs.gpus:
        assert not {"tolerations", "emptyDirMounts", "nodeAffinity"} & set(placed)
        return
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert resources["accelerator"]["resourceCount"] == str(needs.gpus)
    assert placed["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    (mount,) = placed["emptyDirMounts"]
    assert (mount["medium"], mount["mountPath"], mount["sizeLimit"]) == ("Memory", "/dev/shm", "16Gi")
    (term,) = placed["nodeAffinity"][0]["matchExpressions"]
    assert (term["key"], term["operator"]) == ("nvidia.com/gpu.product", "In")
    assert term["values"] == list(platform.GPU_PRODUCTS)


@pytest.mark.parametrize(("stage", "needs"), RETRAINED)
def test_what_may_be_preempted_or_cut_off_is_tried_again_later_and_later(stage, needs):
    assert tasks_of(stage)
    for task in tasks_of(stage):
        policy = task.get("retryPolicy", {})
        assert bool(policy) == (needs.retries is not None)
        if needs.retries is not None:
            assert policy["maxRetryCount"] == needs.retries.count
            assert policy["backoffDuration"] == f"{needs.retries.pause}s"
            assert policy["backoffMaxDuration"] == f"{needs.retries.longest}s"
            assert policy["backoffFactor"] == 2.0
    assert (needs.retries is not None) == bool(needs.gpus or needs.secrets)


@pytest.mark.parametrize(("stage", "needs"), RETRAINED)
def test_what_resumes_keeps_its_scratch_in_a_claim(stage, needs):
    from components.readme import load_stage

    mounts = PLACED[label(stage)].get("pvcMount", [])
    assert [mount["mountPath"] for mount in mounts] == ([SCRATCH] if needs.scratch else [])
    assert needs.scratch == load_stage(stage)[0].scratch


def test_secrets_go_by_name_and_may_be_absent():
    for stage, needs in RETRAINED:
        secrets = PLACED[label(stage)].get("secretAsEnv", [])
        assert tuple(secret["secretName"] for secret in secrets) == needs.secrets
        for secret in secrets:
            assert secret["optional"] is True
            told = {key["secretKey"]: key["envVar"] for key in secret["keyToEnv"]}
            assert told == platform.SECRETS[secret["secretName"]]


def test_however_a_run_ends_somebody_is_told():
    task = SPECIFICATION["root"]["dag"]["tasks"]["notification"]
    (body,) = [name for name in SPECIFICATION["root"]["dag"]["tasks"] if name != "notification"]
    assert task["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert task["inputs"]["parameters"]["status"] == {"taskFinalStatus": {"producerTask": body}}
    assert "enableCache" not in task["cachingOptions"]
    assert PLACED["exec-notification"]["secretAsEnv"][0]["secretName"] == "ddlivm-webhook"
