"""Choose the head whose detections on the unlabelled target hold when source defects are pasted near (Section 3.3).

Every head of the bank detects on the target's pairs; the target's labels are not read (transductive). With
`score: agreement` a detection holds as far as the other heads find the same. The heads are calibrated first, on source
sites that were set aside; the heat of a place counts beside a head's score.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, SERIES, TRANSFORMS, Input, Stage
from components.stage import main

STAGE = Stage(
    name="head_selection",
    inputs=(
        DATA,
        TRANSFORMS,
        SERIES,
        Input("segmenter", "the background removal stage's output for the fold"),
        Input("encoders", "the DTFT training stage's output for the fold"),
        Input("bank", "the head checkpointing stage's output for the fold"),
    ),
    options=(FOLD,),
    output="the target's detections by every head, the heads' scores, and the choice",
    gate="sites",
    sections=("calibration",),
    scratch=True,
)


def work(run: Run) -> None:
    """Choose one fold's head."""
    from ddlivm.parameters import Calibration, HeadSelection
    from ddlivm.selection.stage import select_head

    select_head(
        run.paths["data"],
        run.paths["transforms"],
        run.collected["series"],
        run.paths["segmenter"],
        run.paths["encoders"],
        run.paths["bank"],
        run.options["fold"],
        run.gate_sites,
        run.section(HeadSelection),
        run.section(Calibration),
        run.out,
        run.work,
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
