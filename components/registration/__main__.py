"""Bring the fold `all`'s parts together as the model that ships, judge it by the gate, and register it."""

import sys

from components.arguments import Run
from components.declaration import FIGURES, SERIES, Input, Stage
from components.stage import main

STAGE = Stage(
    name="registration",
    inputs=(
        Input("segmenter", "the background removal stage's output for the fold `all`"),
        Input("encoders", "the DTFT training stage's output for the fold `all`"),
        Input("bank", "the head checkpointing stage's output for the fold `all`"),
        SERIES,
        Input("selection", "the head selection stage's output for the fold `all`"),
        FIGURES,
    ),
    output="the shipped model's directory, the gate's verdict and the registered version",
    gate="everything",
    sections=("alignment", "head_selection", "adaptation", "thermography"),
)


def work(run: Run) -> None:
    """Register one model."""
    from ddlivm.parameters import (
        Adaptation,
        Alignment,
        HeadSelection,
        InspectionSettings,
        Registration,
        Thermography,
    )
    from ddlivm.registry.registration import register

    register(
        run.paths["segmenter"],
        run.paths["encoders"],
        run.paths["bank"],
        run.collected["series"],
        run.paths["selection"],
        run.collected["figures"],
        run.section(Registration),
        InspectionSettings(
            alignment=run.section(Alignment),
            # A path of this machine means nothing where the model goes.
            head_selection=run.section(HeadSelection).model_copy(update={"sam_checkpoint": None}),
            adaptation=run.section(Adaptation),
            thermography=run.section(Thermography),
        ),
        run.gate,
        run.out,
        lineage=run.lineage,
        seconds_per_pair=run.told["selection"][0].get("seconds_per_pair"),
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
