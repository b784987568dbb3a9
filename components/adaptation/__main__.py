"""Adapt a shipped model to one site's unlabelled pairs (beyond the paper).

Encoders and default head are tuned on the site's own pictures: source defects are pasted onto its healthy panels, and
the anomalies that thermography reports are learnt as they are. The site's labels are not opened; the site itself is
learnt from, so that what the model finds on it is to be reported as transductive.
"""

import sys

from components.arguments import Run
from components.declaration import DATA, SITE, Input, Stage
from components.stage import main

STAGE = Stage(
    name="adaptation",
    inputs=(DATA, Input("model", "the registration stage's output")),
    options=(SITE,),
    output="the adapted model's directory, and what the adaptation cost and changed",
    scratch=True,
)


def work(run: Run) -> None:
    """Adapt to one site."""
    from ddlivm.inspection.adaptation import adapt_to_site
    from ddlivm.parameters import Adaptation

    adapt_to_site(
        run.paths["data"],
        run.options["site"],
        run.paths["model"] / "model",
        run.section(Adaptation),
        run.out,
        run.work,
    )


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
