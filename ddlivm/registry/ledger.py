"""The ledger: every promotion and rollback of a model, in order; what is champion is what its last entry says.

MLflow has no transactions, so nothing may hang on an alias that several processes set at once. An entry is an artifact
of the run that made the promoted version, and a numbered version of the registered model `<name>.ledger` that points at
it: the server gives each number once, in order, so that all readers see the same sequence. An entry also says which
entry its writer had seen last. One that was written after another changed the champion counts for nothing: its writer
sees that, looks again and decides again. The aliases follow the ledger.
"""

import getpass
import json
import os
import random
import socket
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from ddlivm.errors import InputError
from ddlivm.registry.gate import Verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
ENTRY = "ddlivm.entry"
FOLDER = "ledger"
ATTEMPTS = 100
"""Each attempt that is overtaken means that another process got through, so only a broken server uses them up."""
MOST = 10_000


@dataclass(frozen=True)
class Entry:
    """One change of the champion.

    Attributes:
        action: what was done.
        champion: the version that it makes the champion.
        previous: the version to roll back to; None when there is none.
        seen: the number of the last entry that its writer had seen; 0 for none.
        by: user and host.
        at: when, UTC, ISO 8601.
        verdict: the gate's answer; None for a rollback.
        why: the person's reason, where one was given.
        number: its place; 0 until it is written.
    """

    action: Literal["promote", "rollback"]
    champion: str
    previous: str | None
    seen: int
    by: str
    at: str
    verdict: Verdict | None = None
    why: str | None = None
    number: int = 0

    @property
    def words(self) -> str:
        """The entry for a reader."""
        back = f", before it {self.previous}" if self.previous else ""
        verdict = f"; the gate: {self.verdict.decision} ({'; '.join(self.verdict.reasons)})" if self.verdict else ""
        why = f"; why: {self.why}" if self.why else ""
        return f"{self.action}: champion {self.champion}{back}; by {self.by}{verdict}{why}"


READER = TypeAdapter(Entry)


@dataclass(frozen=True)
class Ledger:
    """What stood in a registry at one moment.

    Attributes:
        entries: all entries, in order; also those that were overtaken.
        champion: the version that is the champion; None when there is none.
        previous: the version to roll back to.
    """

    entries: tuple[Entry, ...]
    champion: str | None
    previous: str | None

    @property
    def last(self) -> int:
        """The last entry's number; 0 when there is none."""
        return self.entries[-1].number if self.entries else 0

    @property
    def valid(self) -> tuple[Entry, ...]:
        """The entries that changed the champion."""
        kept: list[Entry] = []
        for entry in self.entries:
            if not kept or entry.seen >= kept[-1].number:
                kept.append(entry)
        return tuple(kept)

    def entry(
        self, action: Literal["promote", "rollback"], champion: str, verdict: Verdict | None, why: str | None
    ) -> Entry:
        """Return the entry that would make a version the champion next."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Entry(action, champion, self.champion, self.last, _who(), now, verdict, why)

    def standing(self, name: str) -> str:
        """Say which version of a model is the champion."""
        if self.champion is None:
            return f"{name}: has no champion"
        before = f"; before it: version {self.previous}" if self.previous else ""
        return f"{name}: champion is version {self.champion}{before}"

    def lines(self, name: str) -> list[str]:
        """Return the ledger for the terminal."""
        valid = self.valid
        lines = [
            f"{entry.number} {entry.at} {entry.words}{'' if entry in valid else ' (overtaken: changed nothing)'}"
            for entry in self.entries
        ]
        return [*lines, self.standing(name)]


def read_ledger(client: "MlflowClient", name: str) -> Ledger:
    """Read a model's ledger; where it has none, the champion is whatever the aliases say.

    Raises:
        InputError: an entry is damaged.
    """
    found = client.search_model_versions(f"name = '{_ledger(name)}'", max_results=MOST)
    entries = tuple(sorted((_parse(name, int(one.version), one.tags) for one in found), key=lambda entry: entry.number))
    ledger = Ledger(entries, None, None)
    if ledger.valid:
        return replace(ledger, champion=ledger.valid[-1].champion, previous=ledger.valid[-1].previous)
    return replace(ledger, champion=aliased(client, name, CHAMPION), previous=aliased(client, name, PREVIOUS))


def change_champion(client: "MlflowClient", name: str, decide: Callable[[Ledger], Entry | None]) -> Ledger:
    """Write the entry that `decide` makes of the ledger, and let the aliases follow.

    `decide` is called again whenever another process changed the champion in the meantime, so what it decides always
    holds against the champion that is replaced. It returns None where there is nothing to change.

    Raises:
        InputError: what `decide` raises, or the server never takes an entry.
    """
    for attempt in range(ATTEMPTS):
        time.sleep(random.uniform(0, 0.1) * min(attempt, 10))  # many at once: spread out
        ledger = read_ledger(client, name)
        entry = decide(ledger)
        if entry is None:
            return _settle(client, name)
        if read_ledger(client, name).last != ledger.last:
            continue  # a decision takes time; what is known to be overtaken is not written
        number = _append(client, name, entry)
        if any(one.number == number for one in read_ledger(client, name).valid):
            return _settle(client, name)
    raise InputError(
        f"the ledger of {name!r} changed {ATTEMPTS} times meanwhile; see who promotes there, and try again"
    )


def aliased(client: "MlflowClient", name: str, alias: str) -> str | None:
    """Return the version of an alias, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def run_of(client: "MlflowClient", name: str, version: str) -> str:
    """Return the run that holds a version's files.

    Raises:
        InputError: it has none: somebody else's tool made it.
    """
    run = client.get_model_version(name, version).run_id
    if not run:
        raise InputError(f"version {version} of {name!r} was made by no run; register the model with ddlivm")
    return str(run)


def _settle(client: "MlflowClient", name: str) -> Ledger:
    """Set the aliases as the ledger says, until it says the same before and after: the last writer sees it all."""
    while True:
        ledger = read_ledger(client, name)
        for alias, version in ((PREVIOUS, ledger.previous), (CHAMPION, ledger.champion)):
            if aliased(client, name, alias) == version:
                continue
            if version is None:
                client.delete_registered_model_alias(name, alias)
            else:
                client.set_registered_model_alias(name, alias, version)
        if read_ledger(client, name).last == ledger.last:
            return ledger


def _append(client: "MlflowClient", name: str, entry: Entry) -> int:
    """Write an entry and return the number that the server gave it."""
    from mlflow.exceptions import MlflowException

    run = run_of(client, name, entry.champion)
    text = json.dumps({key: value for key, value in asdict(entry).items() if key != "number"}, sort_keys=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{uuid.uuid4().hex}.json"
        file.write_text(text + "\n", encoding="utf-8")
        client.log_artifact(run, str(file), FOLDER)
    ensure_model(client, _ledger(name), f"Every promotion and rollback of {name}, in order; written by ddlivm only.")
    for attempt in range(ATTEMPTS):
        try:
            source = f"runs:/{run}/{FOLDER}/{file.name}"
            made = client.create_model_version(
                _ledger(name), source, run, tags={ENTRY: text}, description=entry.words, await_creation_for=0
            )
            return int(made.version)
        except MlflowException as error:
            if "creation error" not in str(error) or attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, 0.1))  # many took a number at the same instant
    raise AssertionError  # the last attempt raises


def ensure_model(client: "MlflowClient", name: str, description: str) -> None:
    """Make a registered model unless there is one of that name."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


def _ledger(name: str) -> str:
    return f"{name}.ledger"


def _parse(name: str, number: int, tags: dict[str, str]) -> Entry:
    try:
        content = json.loads(tags[ENTRY])
        return replace(READER.validate_python(content), number=number)
    except (KeyError, json.JSONDecodeError, TypeError, ValidationError) as error:
        raise InputError(
            f"entry {number} of the ledger {_ledger(name)!r} was not written by ddlivm; delete that version of it"
        ) from error


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
