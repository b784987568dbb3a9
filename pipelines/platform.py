"""What the cluster gives to each stage: processors, memory and GPUs, in this one place."""

from dataclasses import dataclass

from kfp import dsl, kubernetes

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Needs:
    """What a stage's pod asks for.

    Attributes:
        cpu: cores.
        memory: bytes, as Kubernetes writes them.
        gpu: whether it trains or infers on a GPU.
    """

    cpu: str
    memory: str
    gpu: bool = False


LIGHT = Needs(cpu="2", memory="8Gi")
HEAVY = Needs(cpu="8", memory="64Gi", gpu=True)
NEEDS = {
    "hstd_augmentation": LIGHT,
    "background_removal": HEAVY,
    "alignment": HEAVY,
    "dtft_training": HEAVY,
    "head_checkpointing": HEAVY,
    "head_selection": HEAVY,
    "cross_domain_evaluation": LIGHT,
    "report": LIGHT,
    "registration": LIGHT,
}
SHARED_MEMORY = "16Gi"
"""Loader processes pass batches through /dev/shm, which a pod gets 64 MB of."""


def place(task: dsl.PipelineTask, stage: str) -> dsl.PipelineTask:
    """Ask the cluster for what the stage needs, and return the task."""
    needs = NEEDS[stage]
    task.set_display_name(stage.replace("_", " "))
    task.set_cpu_request(needs.cpu).set_memory_request(needs.memory).set_memory_limit(needs.memory)
    if needs.gpu:
        task.set_accelerator_type(GPU).set_accelerator_limit(1)
        kubernetes.empty_dir_mount(
            task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory", size_limit=SHARED_MEMORY
        )
        kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
    return task


def use_registry(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Let a task reach the tracking server and its artifact store, and return the task."""
    secrets = {
        "mlflow": {"MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI"},
        "s3": {"AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY"},
    }
    for name, keys in secrets.items():
        kubernetes.use_secret_as_env(task, secret_name=f"ddlivm-{name}", secret_key_to_env=keys, optional=True)
    return task
