"""Retrain on a cluster: `python -m pipelines.retrain --out retrain.yaml`.

1. Data and params.yaml enter as artifacts.
2. Each site's hotspots are diffused.
3. Each held-out site's fold runs background removal, alignment, DTFT training, head checkpointing, head selection and
   cross-domain evaluation; the fold `all`, which ships, runs the same beside them.
4. All folds' figures become the report.
5. The fold `all`'s parts are judged by the gate and registered.
6. However it ends, a webhook is told.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, List, NamedTuple  # noqa: UP035 - Kubeflow reads no `list[...]` of artifacts

import yaml
from kfp import compiler, dsl

from components.alignment.component import alignment
from components.background_removal.component import background_removal
from components.cross_domain_evaluation.component import cross_domain_evaluation
from components.dtft_training.component import dtft_training
from components.head_checkpointing.component import head_checkpointing
from components.head_selection.component import head_selection
from components.hstd_augmentation.component import hstd_augmentation
from components.notification.component import notification
from components.registration.component import registration
from components.report.component import report
from ddlivm.data.folds import ALL
from pipelines.platform import place, place_notification

SITES = [f"site{number}" for number in range(1, 10)]


class FoldParts(NamedTuple):
    """What one fold leaves behind."""

    segmenter: dsl.Model
    encoders: dsl.Model
    bank: dsl.Model
    selection: dsl.Artifact
    figures: dsl.Artifact


@dsl.pipeline(name="fold", description="One fold, from background removal to its figures.")
def run_fold(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    fold: str,
    cache_key: str,
) -> FoldParts:
    """Train and evaluate one fold.

    Args:
        params: params.yaml.
        data: the data set's folder.
        series: every site's HSTD series.
        fold: the held-out site's id, or `all`.
        cache_key: names data and images.

    Returns:
        The fold's model parts, choice and figures.
    """
    given = {"params": params, "data": data, "cache_key": cache_key}
    removal = background_removal(**given, fold=fold)
    place(removal, "background_removal")
    aligned = alignment(**given, segmenter=removal.outputs["segmenter"])
    place(aligned, "alignment")
    learning = {**given, "fold": fold, "series": series, "transforms": aligned.outputs["transforms"]}
    trained = dtft_training(**learning)
    place(trained, "dtft_training")
    learning["encoders"] = trained.outputs["encoders"]
    banked = head_checkpointing(**learning)
    place(banked, "head_checkpointing")
    learning["bank"] = banked.outputs["bank"]
    learning["segmenter"] = removal.outputs["segmenter"]
    selected = head_selection(**learning)
    place(selected, "head_selection")
    evaluated = cross_domain_evaluation(**learning, selection=selected.outputs["selection"])
    place(evaluated, "cross_domain_evaluation")
    return FoldParts(
        segmenter=removal.outputs["segmenter"],
        encoders=trained.outputs["encoders"],
        bank=banked.outputs["bank"],
        selection=selected.outputs["selection"],
        figures=evaluated.outputs["figures"],
    )


@dsl.pipeline(name="held-out-folds", description="Every held-out fold, side by side.")
def run_held_out_folds(
    params: dsl.Input[dsl.Artifact],
    data: dsl.Input[dsl.Dataset],
    series: dsl.Input[List[dsl.Dataset]],  # noqa: UP006
    folds: List[str],  # noqa: UP006
    cache_key: str,
) -> List[dsl.Artifact]:  # noqa: UP006
    """Train and evaluate one model a held-out site.

    A pipeline of its own: a list collected from one loop reaches tasks of another only as a pipeline's input.

    Args:
        params: params.yaml.
        data: the data set's folder.
        series: every site's HSTD series.
        folds: the sites to hold out in turn.
        cache_key: names data and images.

    Returns:
        Each fold's figures.
    """
    with dsl.ParallelFor(folds, name="folds") as fold:
        held_out = run_fold(params=params, data=data, series=series, fold=fold, cache_key=cache_key)
    return dsl.Collected(held_out.outputs["figures"])


@dsl.pipeline(name="ddlivm-retrain", description="Train, evaluate across domains, and register a DD-LIVM model.")
def retrain(
    data_uri: str,
    params_uri: str,
    sites: List[str] = SITES,  # noqa: UP006
    folds: List[str] = ["site5", "site7"],  # noqa: UP006, B006 - Kubeflow takes the default's value at compile time
    cache_key: str = "",
) -> None:
    """Run everything.

    Args:
        data_uri: where the data set's folder lies.
        params_uri: where params.yaml lies.
        sites: every site of the data.
        folds: the sites to hold out in turn; the fold that ships always runs.
        cache_key: the data's md5 and a digest of params.yaml, so that a change of either misses Kubeflow's cache.
    """
    with dsl.ExitHandler(place_notification(notification()), name="run"):
        data = dsl.importer(artifact_uri=data_uri, artifact_class=dsl.Dataset)
        params = dsl.importer(artifact_uri=params_uri, artifact_class=dsl.Artifact)
        given = {"params": params.output, "cache_key": cache_key}
        with dsl.ParallelFor(sites, name="sites") as site:
            augmented = hstd_augmentation(**given, data=data.output, site=site)
            place(augmented, "hstd_augmentation")

        def series() -> dsl.Collected:
            return dsl.Collected(augmented.outputs["series"])  # the compiler changes it: each consumer needs its own

        held_out = run_held_out_folds(**given, data=data.output, series=series(), folds=folds)
        shipped = run_fold(**given, data=data.output, series=series(), fold=ALL)
        figures = {"figures": held_out.output, "shipped_figures": shipped.outputs["figures"]}
        place(report(**given, **figures), "report")
        parts = {name: shipped.outputs[name] for name in ("segmenter", "encoders", "bank", "selection")}
        registered = registration(**given, **parts, **figures, series=series())
        place(registered, "registration")


def documents() -> list[dict[str, Any]]:
    """Return the compiled pipeline: its specification, and what it asks of Kubernetes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "retrain.yaml"
        compiler.Compiler().compile(retrain, str(path))
        return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def main() -> None:
    """Compile the pipeline to the file named by `--out`."""
    parser = argparse.ArgumentParser("python -m pipelines.retrain", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the compiled pipeline, YAML")
    compiler.Compiler().compile(retrain, str(parser.parse_args().out))


if __name__ == "__main__":
    main()
