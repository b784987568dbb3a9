"""The report stage as a container."""

from typing import List  # noqa: UP035 - Kubeflow reads no `list[...]` here

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def report(
    params: dsl.Input[dsl.Artifact],
    figures: dsl.Input[List[dsl.Artifact]],  # noqa: UP006
    shipped_figures: dsl.Input[dsl.Artifact],
    cache_key: str,
    output: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    tables: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Gather all folds' figures into tables and one page.

    Args:
        params: params.yaml.
        figures: the held-out folds' figures; their paths travel in the executor input.
        shipped_figures: the fold `all`'s figures; they join the list in the executor input.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        output: report.html, metrics.json, tables and plots.
        page: the page, for Kubeflow's own pages.
        tables: the tables, for Kubeflow's own pages.
        metrics: the run's figures, for Kubeflow's own pages.
    """
    return dsl.ContainerSpec(
        image=image_of("report"),
        command=["python", "-m", "components.report"],
        args=[
            "--params", params.path,
            "--out", output.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
