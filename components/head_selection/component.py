"""The head selection stage as a container."""

from typing import List  # noqa: UP035 - Kubeflow reads no `list[...]` here

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def head_selection(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    transforms: dsl.Input[dsl.Artifact],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    segmenter: dsl.Input[dsl.Model],
    encoders: dsl.Input[dsl.Model],
    bank: dsl.Input[dsl.Model],
    fold: str,
    cache_key: str,
    selection: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Choose one fold's head on the unlabelled target.

    Args:
        params: params.yaml.
        data: the data set's folder.
        transforms: the fold's transforms.
        series: every site's HSTD series; their paths travel in the executor input.
        segmenter: the fold's segmenter.
        encoders: the fold's encoders.
        bank: the fold's head bank.
        fold: the held-out site's id, or `all` for the model that ships.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        selection: the target's detections by every head, the scores, and the choice.
    """
    return dsl.ContainerSpec(
        image=image_of("head_selection"),
        command=["python", "-m", "components.head_selection"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--transforms", transforms.path,
            "--segmenter", segmenter.path,
            "--encoders", encoders.path,
            "--bank", bank.path,
            "--fold", fold,
            "--out", selection.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
