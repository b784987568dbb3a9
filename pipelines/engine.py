"""Run containers for Kubeflow's local runner, as a cluster would: not as root, read-only, without capabilities."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddlivm.errors import InputError

if TYPE_CHECKING:
    from docker import DockerClient
    from kfp.local import DockerRunner

WRITABLE_BY_ALL = 0o777


def runner(inputs: Sequence[Path], environment: Mapping[str, str]) -> "DockerRunner":
    """Return Kubeflow's runner for the engine that `DOCKER_HOST` names.

    Args:
        inputs: files and folders that containers may read, where they lie.
        environment: what every container is told.
    """
    from docker.types import Mount
    from kfp import local
    from kfp.local import docker_task_handler

    docker_task_handler.run_docker_container = run_container
    # Root's containers keep the image's own user; anybody else's outputs should belong to whoever asked for them.
    user = None if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"
    return local.DockerRunner(
        mounts=[Mount(str(path), str(path), type="bind", read_only=True) for path in inputs],
        environment=dict(environment),
        network_mode="host",
        shm_size="1g",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        tmpfs={"/tmp": "mode=1777,exec"},
        user=user,
    )


def pipeline_root(folder: Path) -> Path:
    """Make the folder below which containers make their own, whoever they run as."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(WRITABLE_BY_ALL)
    return folder


def check_engine() -> None:
    """Raise InputError unless an engine answers."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env()
        client.ping()
        client.close()
    except DockerException as error:
        raise InputError(f"no container engine answers ({error}); start one, or name it in DOCKER_HOST") from error


def run_container(
    client: "DockerClient", image: str, command: Sequence[str], volumes: Mapping[str, Any], **arguments: Any
) -> int:
    """Run one container to its end, print what it prints, and return its exit status.

    Kubeflow's own function lets the engine remove the container as it ends; when that is quicker than the question for
    its exit status, a failure counts as success. Here the container stays until it was asked.

    Args:
        client: the engine.
        image: its name; it is never pulled.
        command: the whole command.
        volumes: as the engine's library takes them.
        arguments: more of the same.
    """
    container = client.containers.run(image, list(command), detach=True, volumes=dict(volumes), **arguments)
    try:
        for line in container.logs(stream=True, follow=True):
            print(line.decode(errors="replace"), end="", flush=True)
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True)
