"""Gather all folds' figures into the paper's tables and one self-contained page."""

import sys

from components.arguments import Run
from components.declaration import FIGURES, Card, Stage
from components.stage import main

STAGE = Stage(
    name="report",
    inputs=(FIGURES,),
    output="report.html, metrics.json, tables and plots",
    cards=(
        Card("page", "report.html"),
        Card("tables", "tables/*.md"),
        Card("metrics", "metrics.json", metrics=True),
    ),
)


def work(run: Run) -> None:
    """Write the report of a run."""
    from ddlivm.evaluation.report import write_report
    from ddlivm.parameters import Report

    write_report(run.collected["figures"], run.section(Report), run.out)


if __name__ == "__main__":
    sys.exit(main(STAGE, work, __doc__))
