"""Lines on stderr: where training is, how the losses stand, and how long it will take."""

import sys
import time
from collections.abc import Callable

SECONDS = 10.0
"""Time between two lines."""


class Progress:
    """What a training tells of itself.

    Args:
        name: that every line begins with.
        epochs: in all.
        speaks: whether this process is the one that prints.
    """

    def __init__(self, name: str, epochs: int, speaks: bool) -> None:
        self.name, self.epochs, self.speaks = name, epochs, speaks
        self.first: float | None = None

    def say(self, line: str) -> None:
        """Print a line."""
        if self.speaks:
            print(f"{self.name}: {line}", file=sys.stderr, flush=True)

    def show(self, done: float, means: Callable[[], dict[str, float]]) -> None:
        """Print a line when the last is old; `done` counts epochs, with the current one's share."""
        now = time.monotonic()
        if self.first is None:
            self.first, self.started, self.shown = done, now, now
        if now - self.shown < SECONDS or done <= self.first:
            return
        self.shown = now
        losses = "  ".join(f"{name} {value:.3f}" for name, value in means().items())
        left = (now - self.started) / (done - self.first) * (self.epochs - done)
        self.say(f"epoch {int(done) + 1}/{self.epochs}  {losses}  {left:.0f} s left")
