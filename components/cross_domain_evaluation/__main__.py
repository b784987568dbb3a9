"""Measure accuracy, recall and mAP at IoU 0.4 of every head on the fold's held-out site (Section 4.1.4).

The first stage that reads the held-out site's labels. The other inputs are for the pictures and curves of the report.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, SERIES, TRANSFORMS, Input, Stage
from components.stage import main

STAGE = Stage(
    name="cross_domain_evaluation",
    inputs=(
        DATA,
        TRANSFORMS,
        Input("segmenter", "the background removal stage's output for the fold"),
        Input("encoders", "the DTFT training stage's output for the fold"),
        Input("bank", "the head checkpointing stage's output for the fold"),
        SERIES,
        Input("selection", "the head selection stage's output for the fold"),
    ),
    options=(FOLD,),
    output="figures by site, class and head, and what the report draws",
    gate="sites",
)


def work(run: Run) -> None:
    """Evaluate one fold."""
    from ddlivm.evaluation.stage import evaluate_fold
    from ddlivm.parameters import CrossDomainEvaluation

    evaluate_fold(
        run.paths["data"],
        run.paths["transforms"],
        run.paths["segmenter"],
        run.paths["encoders"],
        run.paths["bank"],
        run.collected["series"],
        run.paths["selection"],
        run.options["fold"],
        run.gate_sites,
        run.section(CrossDomainEvaluation),
        run.out,
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
