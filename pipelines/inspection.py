"""Adapt a model to a flight on a cluster: `python -m pipelines.inspection --out adapt.yaml`.

1. The flight, as a site of a data set, params.yaml and the registered model enter as artifacts.
2. The model is adapted to the site's unlabelled pairs.

Retraining does not run it: a flight comes when it comes, and the adapted model is for that flight alone.
"""

import argparse
from pathlib import Path

from kfp import compiler, dsl

from components.adaptation.component import adaptation
from pipelines.platform import place


@dsl.pipeline(name="ddlivm-adapt", description="Adapt a DD-LIVM model to one flight, without labels.")
def adapt(data_uri: str, params_uri: str, model_uri: str, site: str, cache_key: str = "") -> None:
    """Adapt a model to one site.

    Args:
        data_uri: where the data set's folder lies.
        params_uri: where params.yaml lies.
        model_uri: where the registration stage's output lies.
        site: the site's id.
        cache_key: the data's md5 and a digest of params.yaml, so that a change of either misses Kubeflow's cache.
    """
    data = dsl.importer(artifact_uri=data_uri, artifact_class=dsl.Dataset)
    params = dsl.importer(artifact_uri=params_uri, artifact_class=dsl.Artifact)
    model = dsl.importer(artifact_uri=model_uri, artifact_class=dsl.Model)
    task = adaptation(params=params.output, data=data.output, model=model.output, site=site, cache_key=cache_key)
    place(task, "adaptation")


def main() -> None:
    """Compile the pipeline to the file named by `--out`."""
    parser = argparse.ArgumentParser("python -m pipelines.inspection", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the compiled pipeline, YAML")
    compiler.Compiler().compile(adapt, str(parser.parse_args().out))


if __name__ == "__main__":
    main()
