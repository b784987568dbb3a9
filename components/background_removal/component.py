"""The background removal stage as a container."""

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def background_removal(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    fold: str,
    cache_key: str,
    segmenter: dsl.Output[dsl.Model],
) -> dsl.ContainerSpec:
    """Train one fold's segmenter with Eq. 1.

    Args:
        params: params.yaml.
        data: the data set's folder.
        fold: the held-out site's id, or `all` for the model that ships.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        segmenter: the segmenter and its training history.
    """
    return dsl.ContainerSpec(
        image=image_of("background_removal"),
        command=["python", "-m", "components.background_removal"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--fold", fold,
            "--out", segmenter.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
