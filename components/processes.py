"""The processes that torchrun starts for one stage: the first locks, writes and reports; the others help it compute."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

from ddlivm.errors import Stopped

GLANCE_SECONDS = 0.2
"""Time between two looks for the first process' word."""


def first() -> bool:
    """Return whether this process is torchrun's first, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def announce(word: str) -> None:
    """Tell the other processes, if there are any, how it goes on."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        _store().set("stage", word)


def announced() -> str:
    """Wait for the first process' word, as long as it takes: it may be waiting for another run itself."""
    store = _store()
    while not store.check(["stage"]):
        time.sleep(GLANCE_SECONDS)
    return str(store.get("stage").decode())


@cache
def _store() -> Any:
    """Return, and keep, the store through which torchrun's processes find one another."""
    from torch.distributed import PrefixStore, rendezvous

    store, _, _ = next(iter(rendezvous("env://")))
    return PrefixStore("ddlivm", store)


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that temporary files go; process 1 of a container would not even end by it."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped("stopped; the same command starts it again")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
