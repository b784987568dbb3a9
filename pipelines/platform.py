"""What the cluster gives to each stage, and asks of it, in this one place: change it here for your cluster."""

from dataclasses import dataclass

from kfp import dsl, kubernetes

from components.images import SCRATCH

GPU = "nvidia.com/gpu"
GPU_PRODUCTS = ("NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB")
"""Values of the node label `nvidia.com/gpu.product` that will do."""
SHARED_MEMORY = "16Gi"
"""Loader processes pass batches through /dev/shm, which a pod gets 64 MB of."""
SCRATCH_CLAIM = "ddlivm-work"
"""A claim that many nodes may write to (ReadWriteMany): a pod that replaces a preempted one goes on from it."""
USER = 1000
"""The images' user."""
SECRETS = {
    "ddlivm-s3": {
        "AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL": "AWS_ENDPOINT_URL",
    },
    "ddlivm-mlflow": {
        "MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_USERNAME": "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD": "MLFLOW_TRACKING_PASSWORD",
    },
    "ddlivm-webhook": {"DDLIVM_WEBHOOK": "DDLIVM_WEBHOOK"},
}
"""Names of secrets and, by key, their variables. A pipeline holds names only; an absent secret is left out."""
HOUR = 3600


@dataclass(frozen=True)
class Retries:
    """How often a stage is tried again, and after which pauses.

    Attributes:
        count: tries after the first.
        pause: seconds before the second try; each further pause is twice as long.
        longest: seconds that no pause exceeds.
    """

    count: int
    pause: int
    longest: int


PREEMPTION = Retries(count=3, pause=60, longest=1800)
"""A GPU node may go; the stage goes on from its scratch on another."""
NETWORK = Retries(count=4, pause=15, longest=300)
"""A store or a tracking server may be away for a moment."""


@dataclass(frozen=True)
class Needs:
    """What a stage's pod asks for.

    Attributes:
        cpu: cores.
        memory: bytes, as Kubernetes writes them.
        hours: after which it is stopped.
        gpus: of one of `GPU_PRODUCTS`.
        scratch: whether it keeps checkpoints in the claim.
        secrets: names that its environment comes from.
        retries: what happens when it fails; None: nothing, its input is at fault.
    """

    cpu: str
    memory: str
    hours: int
    gpus: int = 0
    scratch: bool = False
    secrets: tuple[str, ...] = ()
    retries: Retries | None = None


LIGHT = Needs(cpu="2", memory="8Gi", hours=2)
INFERENCE = Needs(cpu="8", memory="64Gi", hours=6, gpus=1, scratch=True, retries=PREEMPTION)
TRAINING = Needs(
    cpu="8",
    memory="64Gi",
    hours=72,
    gpus=1,
    scratch=True,
    secrets=("ddlivm-s3", "ddlivm-mlflow"),
    retries=PREEMPTION,
)
REGISTRY = Needs(cpu="2", memory="8Gi", hours=2, secrets=("ddlivm-s3", "ddlivm-mlflow"), retries=NETWORK)
NEEDS = {
    "hstd_augmentation": LIGHT,
    "background_removal": INFERENCE,
    "alignment": INFERENCE,
    "dtft_training": TRAINING,
    "head_checkpointing": TRAINING,
    "head_selection": INFERENCE,
    "cross_domain_evaluation": LIGHT,
    "report": LIGHT,
    "registration": REGISTRY,
    "adaptation": INFERENCE,
}
NOTIFICATION = Needs(cpu="100m", memory="256Mi", hours=1, secrets=("ddlivm-webhook",))


def place(task: dsl.PipelineTask, stage: str) -> dsl.PipelineTask:
    """Ask the cluster for what the stage needs, and return the task."""
    return _place(task, NEEDS[stage]).set_display_name(stage.replace("_", " "))


def place_notification(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Ask the cluster for what the notification needs, and return the task."""
    return _place(task, NOTIFICATION).set_display_name("notification").set_caching_options(False)


def _place(task: dsl.PipelineTask, needs: Needs) -> dsl.PipelineTask:
    task.set_cpu_request(needs.cpu).set_memory_request(needs.memory).set_memory_limit(needs.memory)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    kubernetes.set_timeout(task, needs.hours * HOUR)
    if needs.gpus:
        _give_gpus(task, needs.gpus)
    if needs.scratch:
        kubernetes.mount_pvc(task, pvc_name=SCRATCH_CLAIM, mount_path=SCRATCH)
    if needs.retries:
        task.set_retry(
            needs.retries.count,
            backoff_duration=f"{needs.retries.pause}s",
            backoff_factor=2.0,
            backoff_max_duration=f"{needs.retries.longest}s",
        )
    for name in needs.secrets:
        kubernetes.use_secret_as_env(task, secret_name=name, secret_key_to_env=SECRETS[name], optional=True)
    return task


def _give_gpus(task: dsl.PipelineTask, count: int) -> None:
    task.set_accelerator_type(GPU).set_accelerator_limit(count)
    kubernetes.empty_dir_mount(
        task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory", size_limit=SHARED_MEMORY
    )
    kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
    product = {"key": f"{GPU}.product", "operator": "In", "values": list(GPU_PRODUCTS)}
    kubernetes.add_node_affinity(task, match_expressions=[product])
