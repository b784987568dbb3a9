"""Train the segmenter that tells panels from background with Eq. 1, on the fold's source sites.

Background removal comes first in the paper's alignment (Section 3.1): contours of panels are what both cameras share.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, Stage
from components.stage import main

STAGE = Stage(
    name="background_removal",
    inputs=(DATA,),
    options=(FOLD,),
    output="the segmenter's weights, its description and its training history",
    gate="sites",
    scratch=True,
)


def work(run: Run) -> None:
    """Train one fold's segmenter."""
    from ddlivm.parameters import BackgroundRemoval
    from ddlivm.segmentation.stage import train_segmenter

    train_segmenter(
        run.paths["data"], run.options["fold"], run.gate_sites, run.section(BackgroundRemoval), run.out, run.work
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
