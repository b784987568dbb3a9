"""The cross-domain evaluation stage as a container."""

from typing import List  # noqa: UP035 - Kubeflow reads no `list[...]` here

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def cross_domain_evaluation(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    transforms: dsl.Input[dsl.Artifact],
    segmenter: dsl.Input[dsl.Model],
    encoders: dsl.Input[dsl.Model],
    bank: dsl.Input[dsl.Model],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    selection: dsl.Input[dsl.Artifact],
    fold: str,
    cache_key: str,
    figures: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Measure every head on one fold's held-out site.

    Args:
        params: params.yaml.
        data: the data set's folder.
        transforms: the fold's transforms.
        segmenter: the fold's segmenter.
        encoders: the fold's encoders.
        bank: the fold's head bank.
        series: every site's HSTD series; their paths travel in the executor input.
        selection: the fold's detections, scores and choice.
        fold: the held-out site's id, or `all` for the model that ships.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        figures: figures by site, class and head, and what the report draws.
    """
    return dsl.ContainerSpec(
        image=image_of("cross_domain_evaluation"),
        command=["python", "-m", "components.cross_domain_evaluation"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--transforms", transforms.path,
            "--segmenter", segmenter.path,
            "--encoders", encoders.path,
            "--bank", bank.path,
            "--selection", selection.path,
            "--fold", fold,
            "--out", figures.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
