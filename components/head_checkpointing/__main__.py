"""Train the neck, FCOS and Mask R-CNN on frozen encoders, epochs γ to K, and keep a bank of heads (Section 3.3).

Every few epochs the shared neck and both heads become one entry of the bank: entries times two are the heads that
head selection chooses from.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, SERIES, TRANSFORMS, Input, Stage
from components.stage import main

STAGE = Stage(
    name="head_checkpointing",
    inputs=(DATA, TRANSFORMS, SERIES, Input("encoders", "the DTFT training stage's output for the fold")),
    options=(FOLD,),
    output="the head bank, the reference heads, and the training history",
    gate="sites",
    sections=("calibration",),
    scratch=True,
)


def work(run: Run) -> None:
    """Train one fold's head bank."""
    from ddlivm.parameters import HeadCheckpointing
    from ddlivm.training.bank_stage import train_heads

    train_heads(
        run.paths["data"],
        run.paths["transforms"],
        run.collected["series"],
        run.paths["encoders"],
        run.options["fold"],
        run.gate_sites,
        run.set_aside,
        run.section(HeadCheckpointing),
        run.out,
        run.work,
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
