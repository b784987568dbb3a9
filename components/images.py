"""What every stage's container has in common: its image's name and where its scratch lies."""

VERSION = "0.1.0"
SCRATCH = "/tmp/work"
"""A volume mounted here survives a pod; without one the path is still writable in every image."""


def image_of(stage: str) -> str:
    """Return the image of a stage's container: one build target a stage."""
    return f"ddlivm-{stage.replace('_', '-')}:{VERSION}"
