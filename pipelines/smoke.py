"""The smallest inputs that every stage runs on: three simulated plants, and an epoch of a few tiles.

They prove that the parts fit together, whichever lane runs them. What is learnt from them is nothing.
"""

from pathlib import Path
from typing import Any

import yaml

from ddlivm.files import read_yaml

SITES = ["site1", "site2", "site3"]
FOLDS = ["site1", "site3"]
PAIRS, SEED = 12, 7
TRAINING = {
    "epochs": 1,
    "batch_size": 2,
    "tiles": {"size": [128, 96], "per_epoch": 8, "defect_share": 0.7, "plain": 0.0, "scale": [0.8, 1.25]},
}
BANK = {"epochs": 2, "batch_size": 2, "tiles": TRAINING["tiles"]}
OVERLAY: dict[str, Any] = {
    "background_removal": {"epochs": 1},
    "dtft_training": TRAINING,
    "head_checkpointing": BANK,
    "head_selection": {"maximum_pairs": 2, "resamples": 100},
}


def write_params(source: Path, target: Path) -> None:
    """Write params.yaml for the smoke-size data: the demo's profile, made smaller."""
    content = read_yaml(source)
    content |= {"profile": "demo", "sites": SITES, "folds": [*FOLDS, "all"]}
    content["gate"]["sites"] = ["site2"]
    # After so little training few detections are right; recall must count for there to be any in the tables.
    content["calibration"] |= {"sites": [["site3"], ["site1"]], "beta": 10.0}
    for stage, changed in OVERLAY.items():
        content["profiles"]["demo"][stage] |= changed
    target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def write_data(target: Path) -> None:
    """Simulate the plants."""
    from ddlivm.simulation.command import simulate

    simulate(sites=len(SITES), pairs=PAIRS, seed=SEED, out=target, workers=None)
