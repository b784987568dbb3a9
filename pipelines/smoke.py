"""The smallest inputs that every stage runs on: three simulated plants, and an epoch of some tiles.

They prove that the parts fit together, whichever lane runs them. What is learnt from them is nothing.
"""

from pathlib import Path
from typing import Any

import yaml

from ddlivm.files import read_yaml

SITES = ["site1", "site2", "site3"]
FOLDS = ["site1", "site3"]
PAIRS, SEED = 12, 7
TILES = {"size": [128, 96], "per_epoch": 40, "defect_share": 0.7, "plain": 0.0, "scale": [0.8, 1.25]}
TRAINING = {"epochs": 1, "batch_size": 2, "learning_rate": 3.0e-3, "tiles": TILES}
BANK = {"epochs": 2, "batch_size": 2, "tiles": {**TILES, "per_epoch": 8}}
OVERLAY: dict[str, Any] = {
    "background_removal": {"epochs": 1},
    "dtft_training": TRAINING,
    "head_checkpointing": BANK,
    # Scores are low after so little training, and tables without a prediction would compare nothing.
    "head_selection": {"maximum_pairs": 2, "resamples": 100, "score_threshold": 0.03},
}


def write_params(source: Path, target: Path) -> None:
    """Write params.yaml for the smoke-size data: the demo's profile, made smaller."""
    content = read_yaml(source)
    content |= {"profile": "demo", "sites": SITES, "folds": [*FOLDS, "all"]}
    content["gate"]["sites"] = ["site2"]
    content["calibration"]["sites"] = []  # two sites are left to learn from, and nothing right to calibrate on
    for stage, changed in OVERLAY.items():
        content["profiles"]["demo"][stage] |= changed
    target.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def write_data(target: Path) -> None:
    """Simulate the plants."""
    from ddlivm.simulation.command import simulate

    simulate(sites=len(SITES), pairs=PAIRS, seed=SEED, out=target, workers=None)
