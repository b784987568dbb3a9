"""A Kubeflow TrainJob that runs DTFT training in several pods, with the stage's own image and needs."""

from typing import Any

from components.images import SCRATCH
from pipelines.platform import GPU, GPU_PRODUCTS, HOUR, NEEDS, SCRATCH_CLAIM, SECRETS, SHARED_MEMORY, USER

API_VERSION = "trainer.kubeflow.org/v1alpha1"
RUNTIME = "torch-distributed"
"""The ClusterTrainingRuntime that Kubeflow Trainer installs; it gives torchrun its variables."""
STAGE = "dtft_training"
Manifest = dict[str, Any]


def train_job(image: str, gpus: int, nodes: int) -> Manifest:
    """Return the TrainJob's manifest, its name and the stage's arguments left to the pod that starts it.

    Args:
        image: the stage's.
        gpus: of each pod; a process each.
        nodes: pods.
    """
    needs = NEEDS[STAGE]
    resources = {
        "requests": {"cpu": needs.cpu, "memory": needs.memory},
        "limits": {"memory": needs.memory, GPU: str(gpus)},
    }
    trainer = {
        "image": image,
        "command": ["torchrun", "-m", f"components.{STAGE}"],
        "args": [],
        "numNodes": nodes,
        "numProcPerNode": gpus,
        "resourcesPerNode": resources,
        "env": [{"name": "DDLIVM_IMAGE", "value": image}, *_secrets(needs.secrets)],
    }
    pods = {"replicatedJobs": [{"name": "node", "template": {"spec": {"template": {"spec": _pod()}}}}]}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainJob",
        "metadata": {"labels": {"app.kubernetes.io/part-of": "ddlivm"}},
        "spec": {
            "activeDeadlineSeconds": needs.hours * HOUR,
            "runtimeRef": {"name": RUNTIME},
            "trainer": trainer,
            "runtimePatches": [{"manager": "ddlivm", "trainingRuntimeSpec": {"template": {"spec": pods}}}],
        },
    }


def _pod() -> Manifest:
    product = {"key": f"{GPU}.product", "operator": "In", "values": list(GPU_PRODUCTS)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [product]}]}
    mounts = {"work": SCRATCH, "shared-memory": "/dev/shm", "temporary": "/tmp"}
    unprivileged = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        "volumes": [
            {"name": "work", "persistentVolumeClaim": {"claimName": SCRATCH_CLAIM}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY}},
            {"name": "temporary", "emptyDir": {}},
        ],
        "containers": [
            {
                "name": "node",
                "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
                "securityContext": unprivileged,
            }
        ],
    }


def _secrets(names: tuple[str, ...]) -> list[Manifest]:
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key, "optional": True}}}
        for name in names
        for key, variable in SECRETS[name].items()
    ]
