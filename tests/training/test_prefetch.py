import threading
import time

import pytest

from ddlivm.training.prefetch import DEPTH, prefetched


def alive():
    return [thread.name for thread in threading.enumerate() if thread.name == "prefetch"]


def test_items_come_in_order_and_from_another_thread():
    def items():
        for number in range(20):
            yield number, threading.current_thread().name

    assert list(prefetched(items())) == [(number, "prefetch") for number in range(20)]
    assert not alive()


def test_no_more_is_made_than_fits():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    taken = prefetched(items())
    assert next(taken) == 0
    time.sleep(0.1)
    assert len(made) <= 1 + DEPTH + 1  # taken, waiting, and one in hand
    assert list(taken) == list(range(1, 20))


def test_an_error_is_raised_after_what_came_before_it():
    def items():
        yield 1
        raise ValueError("damaged")

    taken = prefetched(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(taken)
    assert not alive()


def test_a_consumer_that_stops_ends_the_thread_and_the_generator():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread().name)

    taken = prefetched(items())
    assert next(taken) == 0
    taken.close()
    assert closed == ["prefetch"]
    assert not alive()
