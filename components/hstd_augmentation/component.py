"""The HSTD augmentation stage as a container."""

from kfp import dsl

from components.images import SCRATCH, image_of


@dsl.container_component
def hstd_augmentation(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    site: str,
    cache_key: str,
    series: dsl.Output[dsl.Dataset],
) -> dsl.ContainerSpec:
    """Diffuse one site's hotspots by Eq. 3.

    Args:
        params: params.yaml.
        data: the data set's folder.
        site: the site's id.
        cache_key: names data and images, so that a change of either misses Kubeflow's cache.
        series: the site's diffused infrared series and its source defects.
    """
    return dsl.ContainerSpec(
        image=image_of("hstd_augmentation"),
        command=["python", "-m", "components.hstd_augmentation"],
        args=[
            "--params", params.path,
            "--data", data.path,
            "--site", site,
            "--out", series.path,
            "--work", SCRATCH,
            "--cache-key", cache_key,
            "--executor-input", dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        ],
    )  # fmt: skip
