"""The next batch while this one is learnt from."""

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2
"""Items that wait: one would do if all took equally long to make."""

GLANCE_SECONDS = 0.2
"""How soon the maker notices that nobody takes any more."""


def prefetched(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """Yield what a generator yields, in its order; a thread makes the next ones meanwhile.

    A thread and no process: most of the work, decoding, resizing and copying, lets other threads run, and nothing
    has to be sent.

    Args:
        items: runs in the thread; it is closed when the consumer stops early, and its error is raised here.
    """
    made: queue.Queue[tuple[Item] | BaseException | None] = queue.Queue(DEPTH)
    unwanted = threading.Event()

    def put(entry: tuple[Item] | BaseException | None) -> bool:
        while not unwanted.is_set():
            try:
                made.put(entry, timeout=GLANCE_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            with closing(items):
                for item in items:
                    if not put((item,)):
                        return
        except BaseException as error:
            put(error)
        else:
            put(None)

    maker = threading.Thread(target=make, name="prefetch", daemon=True)
    maker.start()
    try:
        while (entry := made.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry[0]
    finally:
        unwanted.set()
        maker.join()
