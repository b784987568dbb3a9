"""The adaptation stage as a container."""

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def adaptation(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    site: str,
    cache_key: str,
    adapted: dsl.Output[dsl.Model],
) -> dsl.ContainerSpec:
    """Adapt a shipped model to one site's unlabelled pairs.

    Args:
        params: params.yaml.
        data: the data set's folder.
        model: the registration stage's output.
        site: the site's id.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        adapted: the adapted model's directory, and what the adaptation cost and changed.
    """
    return dsl.ContainerSpec(
        image=image_of("adaptation"),
        command=["python", "-m", "components.adaptation"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--model", model.path,
            "--site", site,
            "--out", adapted.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
