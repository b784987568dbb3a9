"""Objects checked against Kubernetes' schemas without a cluster.

The schemas are the models of Kubernetes' own client. Kubeflow's TrainJob has none there: its fields are those of the
package kubeflow-trainer-api 2.3.0.
"""

import re
from typing import Any

from kubernetes.client import models

TRAIN_JOB: dict[str, dict[str, str]] = {
    "TrainJob": {"apiVersion": "str", "kind": "str", "metadata": "V1ObjectMeta", "spec": "TrainJobSpec"},
    "TrainJobSpec": {
        "activeDeadlineSeconds": "int",
        "managedBy": "str",
        "runtimePatches": "list[RuntimePatch]",
        "runtimeRef": "RuntimeRef",
        "suspend": "bool",
        "trainer": "Trainer",
    },
    "RuntimeRef": {"apiGroup": "str", "kind": "str", "name": "str"},
    "Trainer": {
        "args": "list[str]",
        "command": "list[str]",
        "env": "list[V1EnvVar]",
        "image": "str",
        "numNodes": "int",
        "numProcPerNode": "int",
        "resourcesPerNode": "V1ResourceRequirements",
    },
    "RuntimePatch": {"manager": "str", "trainingRuntimeSpec": "RuntimeSpecPatch"},
    "RuntimeSpecPatch": {"template": "JobSetTemplatePatch"},
    "JobSetTemplatePatch": {"metadata": "V1ObjectMeta", "spec": "JobSetSpecPatch"},
    "JobSetSpecPatch": {"replicatedJobs": "list[ReplicatedJobPatch]"},
    "ReplicatedJobPatch": {"name": "str", "template": "JobTemplatePatch"},
    "JobTemplatePatch": {"metadata": "V1ObjectMeta", "spec": "JobSpecPatch"},
    "JobSpecPatch": {"template": "PodTemplatePatch"},
    "PodTemplatePatch": {"metadata": "V1ObjectMeta", "spec": "PodSpecPatch"},
    "PodSpecPatch": {
        "affinity": "V1Affinity",
        "containers": "list[ContainerPatch]",
        "imagePullSecrets": "list[V1LocalObjectReference]",
        "nodeSelector": "dict(str, str)",
        "securityContext": "V1PodSecurityContext",
        "serviceAccountName": "str",
        "terminationGracePeriodSeconds": "int",
        "tolerations": "list[V1Toleration]",
        "volumes": "list[V1Volume]",
    },
    "ContainerPatch": {
        "env": "list[V1EnvVar]",
        "name": "str",
        "securityContext": "V1SecurityContext",
        "volumeMounts": "list[V1VolumeMount]",
    },
}
PLAIN: dict[str, type] = {"str": str, "int": int, "bool": bool}


def faults(kind: str, value: Any, place: str = "") -> list[str]:
    """Return where an object has a field that its kind has not, lacks one, or holds another type."""
    if kind in PLAIN:
        right = isinstance(value, PLAIN[kind]) and (kind == "bool" or not isinstance(value, bool))
        return [] if right else [f"{place}: {value!r} is no {kind}"]
    if member := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            return [f"{place}: {value!r} is no list"]
        return [fault for index, entry in enumerate(value) for fault in faults(member[1], entry, f"{place}[{index}]")]
    if member := re.fullmatch(r"dict\(str, (.*)\)", kind):
        return [fault for key, entry in value.items() for fault in faults(member[1], entry, f"{place}.{key}")]
    if kind in TRAIN_JOB:
        return _fields(TRAIN_JOB[kind], value, place)
    model = getattr(models, kind)
    types = {field: model.openapi_types[name] for name, field in model.attribute_map.items()}
    try:
        model(**{name: value[field] for name, field in model.attribute_map.items() if field in value})
    except ValueError as error:  # the client's models refuse what lacks a required field
        return [f"{place}: {error}"]
    return _fields(types, value, place)


def _fields(types: dict[str, str], value: dict[str, Any], place: str) -> list[str]:
    found = [f"{place}.{field}: is no field" for field in value if field not in types]
    known = {field: entry for field, entry in value.items() if field in types}
    return found + [
        fault for field, entry in known.items() for fault in faults(types[field], entry, f"{place}.{field}")
    ]
