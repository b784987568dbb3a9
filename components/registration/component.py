"""The registration stage as a container."""

from typing import List  # noqa: UP035 - Kubeflow reads no `list[...]` here

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def registration(
    params: dsl.Input[dsl.Artifact],
    segmenter: dsl.Input[dsl.Model],
    encoders: dsl.Input[dsl.Model],
    bank: dsl.Input[dsl.Model],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    selection: dsl.Input[dsl.Artifact],
    figures: dsl.Input[List[dsl.Artifact]],  # noqa: UP006
    shipped_figures: dsl.Input[dsl.Artifact],
    cache_key: str,
    model: dsl.Output[dsl.Model],
) -> dsl.ContainerSpec:
    """Bring the shipped model together, judge it by the gate, and register it.

    Args:
        params: params.yaml.
        segmenter: the fold's segmenter.
        encoders: the fold's encoders.
        bank: the fold's head bank.
        series: every site's HSTD series; their paths travel in the executor input.
        selection: the fold's detections, scores and choice.
        figures: the held-out folds' figures; their paths travel in the executor input.
        shipped_figures: the fold `all`'s figures; they join the list in the executor input.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        model: the shipped model, the gate's verdict and the registered version.
    """
    return dsl.ContainerSpec(
        image=image_of("registration"),
        command=["python", "-m", "components.registration"],
        args=[
            "--params", params.path,
            "--segmenter", segmenter.path,
            "--encoders", encoders.path,
            "--bank", bank.path,
            "--selection", selection.path,
            "--out", model.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
