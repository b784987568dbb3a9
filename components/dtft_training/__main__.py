"""Train both encoders by Algorithm 1: dual-stage, three-step fine-tuning, epochs 1 to γ (Section 3.2).

Step 1 detects hotspot shapes in the infrared image, step 2 contrasts the external types in the visible image, step 3
detects every type on the fused pyramid. The encoders are frozen afterwards.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, SERIES, TRANSFORMS, Stage
from components.stage import main

STAGE = Stage(
    name="dtft_training",
    inputs=(DATA, TRANSFORMS, SERIES),
    options=(FOLD,),
    output="the encoders, step 1's and step 3's neck and FCOS head, and the training history",
    gate="sites",
    sections=("calibration",),
    scratch=True,
)


def work(run: Run) -> None:
    """Train one fold's encoders."""
    from ddlivm.parameters import DtftTraining
    from ddlivm.training.dtft_stage import train_encoders

    train_encoders(
        run.paths["data"],
        run.paths["transforms"],
        run.collected["series"],
        run.options["fold"],
        run.gate_sites,
        run.set_aside,
        run.section(DtftTraining),
        run.out,
        run.work,
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
