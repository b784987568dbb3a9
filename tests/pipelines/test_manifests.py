from pathlib import Path

import pytest
import yaml

from pipelines import platform
from pipelines.train_job import train_job
from tests.imports import ROOT
from tests.pipelines.schemas import faults

CLUSTER = list(yaml.safe_load_all((ROOT / "pipelines/cluster.yaml").read_text()))
KINDS = {"PersistentVolumeClaim": "V1PersistentVolumeClaim", "Job": "V1Job", "Role": "V1Role",
         "RoleBinding": "V1RoleBinding"}  # fmt: skip
PLACED = list(yaml.safe_load_all((ROOT / "tests/pipelines/golden/retrain.yaml").read_text()))[1]["platforms"][
    "kubernetes"
]
IMAGE = "host/ddlivm-dtft-training@sha256:1"


@pytest.fixture(scope="module")
def manifest():
    return train_job(IMAGE, gpus=4, nodes=2)


def patched(manifest) -> dict:
    (patch,) = manifest["spec"]["runtimePatches"]
    (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    return dict(job["template"]["spec"]["template"]["spec"])


@pytest.mark.parametrize("document", CLUSTER, ids=lambda document: document["kind"])
def test_what_a_namespace_needs_is_what_kubernetes_takes(document):
    assert faults(KINDS[document["kind"]], document) == []


def test_a_train_job_is_what_kubeflow_trainer_takes(manifest):
    assert faults("TrainJob", manifest) == []
    assert manifest["apiVersion"] == "trainer.kubeflow.org/v1alpha1"


def test_a_train_jobs_pods_get_what_the_stages_own_pod_gets(manifest):
    trainer, pod = manifest["spec"]["trainer"], patched(manifest)
    assert (trainer["image"], trainer["numNodes"], trainer["numProcPerNode"]) == (IMAGE, 2, 4)
    assert trainer["command"] == ["torchrun", "-m", "components.dtft_training"]
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "4"
    assert {entry["mountPath"] for entry in pod["containers"][0]["volumeMounts"]} == {"/tmp/work", "/dev/shm", "/tmp"}
    secrets = {entry["valueFrom"]["secretKeyRef"]["name"] for entry in trainer["env"] if "valueFrom" in entry}
    assert secrets == set(platform.NEEDS["dtft_training"].secrets)
    assert manifest["spec"]["activeDeadlineSeconds"] == platform.NEEDS["dtft_training"].hours * 3600


def test_what_kubeflow_makes_pods_of_is_what_kubernetes_takes():
    for executor in PLACED["deploymentSpec"]["executors"].values():
        for toleration in executor.get("tolerations", ()):
            assert faults("V1Toleration", toleration) == []
        for term in executor.get("nodeAffinity", ()):
            assert faults("V1NodeSelectorTerm", term) == []
        numbers = {
            key: value if isinstance(value, bool) else int(value) for key, value in executor["securityContext"].items()
        }
        assert faults("V1SecurityContext", numbers) == []
        for mount in executor.get("emptyDirMounts", ()):
            volume = {"medium": mount["medium"], "sizeLimit": mount["sizeLimit"]}
            assert faults("V1EmptyDirVolumeSource", volume) == []
            assert faults("V1VolumeMount", {"name": mount["volumeName"], "mountPath": mount["mountPath"]}) == []


def test_names_in_the_manifests_are_the_platforms():
    claims = [document["metadata"]["name"] for document in CLUSTER if document["kind"] == "PersistentVolumeClaim"]
    assert claims == [platform.SCRATCH_CLAIM]
    text = (ROOT / "docs/operations.md").read_text()
    for secret, keys in platform.SECRETS.items():
        assert secret in text
        assert all(key in text for key in keys)


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("V1Toleration", {"key": "a", "colour": "b"}, ".colour: is no field"),
        ("V1Toleration", {"tolerationSeconds": "x"}, ".tolerationSeconds: 'x' is no int"),
        ("V1Container", {"image": "a"}, ": Invalid value for `name`, must not be `None`"),
        ("TrainJob", {"spec": {"trainer": {"numNodes": True}}}, ".spec.trainer.numNodes: True is no int"),
    ],
)
def test_the_check_finds_what_is_wrong(kind, value, fault):
    assert faults(kind, value) == [fault]


def test_no_file_for_a_cluster_holds_a_secret():
    for path in ("pipelines/cluster.yaml", "pipelines/platform.py"):
        assert "kind: Secret" not in (ROOT / Path(path)).read_text()
