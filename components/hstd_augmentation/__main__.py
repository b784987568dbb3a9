"""Diffuse one site's hotspots by Eq. 3 and keep each step as a further infrared image.

The series imitate how a hotspot looks when heat has spread further, so that training meets thermal patterns that the
site itself does not show (Section 3.3). The site's own defects are kept beside them as cut-outs with statistics: head
selection pastes those into other sites' images.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, SITE, Stage
from components.stage import main

STAGE = Stage(
    name="hstd_augmentation",
    inputs=(DATA,),
    options=(SITE,),
    output="the site's diffused infrared series and its source defects",
)


def work(run: Run) -> None:
    """Augment one site."""
    from ddlivm.augmentation.stage import augment_site
    from ddlivm.parameters import HstdAugmentation

    augment_site(run.paths["data"], run.options["site"], run.section(HstdAugmentation), run.out)


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
