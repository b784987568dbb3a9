"""Processes that promote versions of one model at the same time."""

import multiprocessing
import os
from pathlib import Path

from ddlivm.registry.ledger import CHAMPION, PREVIOUS, Ledger, aliased, read_ledger, run_of
from ddlivm.registry.promotion import promote_version
from ddlivm.registry.store import mlflow_client
from tests.registry.parts import GATE

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.registry.forked"])


def promote_together(name: str, wanted: list[tuple[str, str | None]]) -> list[str]:
    """Promote each version in a process of its own, all at once; return each one's error, empty for none."""
    environment, barrier, answers = dict(os.environ), PROCESSES.Barrier(len(wanted)), PROCESSES.Queue()
    started = [
        PROCESSES.Process(target=_promote, args=(environment, name, barrier, answers, index, *one))
        for index, one in enumerate(wanted)
    ]
    for process in started:
        process.start()
    found = dict(answers.get(timeout=300) for _ in started)
    for process in started:
        process.join()
    return [found[index] for index in range(len(wanted))]


def check_ledger(name: str, changes: int) -> Ledger:
    """Check that the ledger is a chain of that many changes, each from the one before, that the aliases follow."""
    with mlflow_client() as client:
        ledger = read_ledger(client, name)
        files = [
            Path(one.path).name
            for number in {entry.champion for entry in ledger.entries}
            for one in client.list_artifacts(run_of(client, name, number), "ledger")
        ]
        named = aliased(client, name, CHAMPION), aliased(client, name, PREVIOUS)
    assert [entry.number for entry in ledger.entries] == list(range(1, len(ledger.entries) + 1))
    assert len(files) == len(set(files)) == len(ledger.entries)
    champions = [entry.champion for entry in ledger.valid]
    assert len(champions) == changes
    assert [entry.previous for entry in ledger.valid] == [None, *champions[:-1]]
    assert (ledger.champion, ledger.previous) == named == (champions[-1], champions[-2] if changes > 1 else None)
    return ledger


def _promote(
    environment: dict[str, str], name: str, barrier, answers, index: int, version: str, why: str | None
) -> None:
    os.environ.update(environment)  # the fork server's environment is that of the first test
    barrier.wait()
    try:
        with mlflow_client() as client:
            promote_version(client, name, version, GATE, why)
        answers.put((index, ""))
    except BaseException as error:
        answers.put((index, repr(error)))
