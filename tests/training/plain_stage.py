"""The DTFT training stage without diffused series, which tests' data have none of."""

import sys

from components.arguments import Run
from components.declaration import DATA, FOLD, TRANSFORMS, Stage
from components.stage import main
from ddlivm.data import SetAside

STAGE = Stage("dtft_training", (DATA, TRANSFORMS), "words", (FOLD,), gate="sites", scratch=True)


def work(run: Run) -> None:
    from ddlivm.parameters import DtftTraining
    from ddlivm.training.dtft_stage import train_encoders

    data, transforms = run.paths["data"], run.paths["transforms"]
    parameters = run.section(DtftTraining)
    fold = run.options["fold"], run.gate_sites, SetAside()
    train_encoders(data, transforms, [], *fold, parameters, run.out, run.work)


if __name__ == "__main__":
    sys.exit(main(STAGE, work, None))
