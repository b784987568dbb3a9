"""The DTFT training stage as a container."""

from typing import List  # noqa: UP035 - Kubeflow reads no `list[...]` here

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def dtft_training(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    transforms: dsl.Input[dsl.Artifact],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    fold: str,
    cache_key: str,
    encoders: dsl.Output[dsl.Model],
) -> dsl.ContainerSpec:
    """Train one fold's encoders by Algorithm 1.

    Args:
        params: params.yaml.
        data: the data set's folder.
        transforms: the fold's transforms.
        series: every site's HSTD series; their paths travel in the executor input.
        fold: the held-out site's id, or `all` for the model that ships.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        encoders: the encoders, step 1's and step 3's neck and FCOS head.
    """
    return dsl.ContainerSpec(
        image=image_of("dtft_training"),
        command=["python", "-m", "components.dtft_training"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--transforms", transforms.path,
            "--fold", fold,
            "--out", encoders.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
