"""The notification as a container."""

from kfp import dsl

from components.images import image_of


@dsl.container_component
def notification(status: dsl.PipelineTaskFinalStatus) -> dsl.ContainerSpec:
    """Tell a webhook how the run ended; do nothing where none is set.

    Args:
        status: Kubeflow's account of the run.
    """
    return dsl.ContainerSpec(
        image=image_of("report"),
        command=["python", "-m", "components.notification.send"],
        args=["--status", status],
    )
