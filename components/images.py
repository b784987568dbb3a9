"""What every stage's container has in common: its image's name, what is in it, and where its scratch lies."""

from typing import Literal

Group = Literal["light", "heavy"]

VERSION = "0.1.0"
SCRATCH = "/tmp/work"
"""A volume mounted here survives a pod; without one the path is still writable in every image."""
GROUPS: dict[str, Group] = {
    "hstd_augmentation": "heavy",
    "background_removal": "heavy",
    "alignment": "heavy",
    "dtft_training": "heavy",
    "head_checkpointing": "heavy",
    "head_selection": "heavy",
    "cross_domain_evaluation": "light",
    "report": "light",
    "registration": "light",
    "adaptation": "heavy",
}
"""Which dependencies a stage's image holds: `light` has no torch."""


def target_of(stage: str) -> str:
    """Return the build target of a stage's image."""
    return stage.replace("_", "-")


def image_of(stage: str) -> str:
    """Return the image that a stage's component names; a run replaces it by the one that was built, with its digest."""
    return f"ddlivm-{target_of(stage)}:{VERSION}"
