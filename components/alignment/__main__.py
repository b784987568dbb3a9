"""Find where each raw infrared pixel lies in the visible image, for every pair of every site (Section 3.1).

Panels are matched by the widths of their contours and by a template; the site's pairs then agree on one transform. No
label is read, so the held-out site is aligned like any other (transductive). The output holds transforms, no pixels.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, Input, Stage
from components.stage import main

STAGE = Stage(
    name="alignment",
    inputs=(DATA, Input("segmenter", "the background removal stage's output for the fold")),
    output="the transform of each pair and of each site, with its confidence",
    scratch=True,
)


def work(run: Run) -> None:
    """Align every pair with one fold's segmenter."""
    from ddlivm.alignment.stage import align_sites
    from ddlivm.parameters import Alignment

    align_sites(run.paths["data"], run.paths["segmenter"], run.section(Alignment), run.out, run.work)


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
