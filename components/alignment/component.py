"""The alignment stage as a container."""

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def alignment(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    segmenter: dsl.Input[dsl.Model],
    cache_key: str,
    transforms: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Align every pair with one fold's segmenter.

    Args:
        params: params.yaml.
        data: the data set's folder.
        segmenter: the fold's segmenter.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        transforms: the transform of each pair and of each site.
    """
    return dsl.ContainerSpec(
        image=image_of("alignment"),
        command=["python", "-m", "components.alignment"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--segmenter", segmenter.path,
            "--out", transforms.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
