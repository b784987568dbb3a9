"""Promote a version, or roll back to the one before; both are entries of the ledger."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ddlivm.errors import InputError
from ddlivm.parameters import Gate
from ddlivm.registry.evidence import Evidence
from ddlivm.registry.gate import Verdict, judge
from ddlivm.registry.ledger import CHALLENGER, CHAMPION, PREVIOUS, Entry, Ledger, aliased, change_champion, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

EVIDENCE = "gate"
"""The folder of a version's run that holds what the gate looks at."""


def promote_version(client: "MlflowClient", name: str, version: str, gate: Gate, why: str | None = None) -> Ledger:
    """Make a version the champion; the champion becomes `previous`.

    The gate judges it once more, against the champion of this moment. Where it does not say PROMOTE, a person must say
    why; the ledger keeps both.

    Args:
        client: of the registry.
        name: the model's name.
        version: a number, or an alias such as `challenger`.
        gate: the criteria.
        why: the reason to override the gate.

    Returns:
        The ledger afterwards.

    Raises:
        InputError: no such version, or the gate does not promote it and no reason is given.
    """
    number = known_version(client, name, version)
    evidence = read_evidence(client, name, number)

    def decide(ledger: Ledger) -> Entry | None:
        if ledger.champion == number:
            return None
        verdict = judge_against(client, name, evidence, ledger.champion, gate)
        if verdict.decision != "PROMOTE" and not why:
            raise InputError(
                f"version {number} of {name!r} is {verdict.decision}: {'; '.join(verdict.reasons)}. "
                "Give --why REASON to promote it all the same"
            )
        return ledger.entry("promote", number, verdict, why)

    return change_champion(client, name, decide)


def roll_back(client: "MlflowClient", name: str, why: str | None = None) -> Ledger:
    """Exchange the champion and the version before it.

    Raises:
        InputError: there is none before it.
    """

    def decide(ledger: Ledger) -> Entry:
        if ledger.previous is None:
            raise InputError(f"{name!r} has no version to roll back to: none was champion before the present one")
        return ledger.entry("rollback", ledger.previous, None, why)

    return change_champion(client, name, decide)


def judge_against(client: "MlflowClient", name: str, challenger: Evidence, champion: str | None, gate: Gate) -> Verdict:
    """Judge a model against the champion's version; it is held where the champion's evidence cannot be read."""
    alone = judge(challenger, None, gate)
    if champion is None or alone.decision != "PROMOTE":
        return alone
    try:
        known = read_evidence(client, name, champion)
    except InputError as error:
        return Verdict("HOLD", (f"the champion, version {champion}, cannot be compared with: {error}",))
    return judge(challenger, known, gate)


def known_version(client: "MlflowClient", name: str, version: str) -> str:
    """Return the number of a version that is given by its number or alias.

    Raises:
        InputError: there is none.
    """
    if not version.isdigit():
        number = aliased(client, name, version)
        if number is None:
            known = ", ".join(alias for alias in (CHAMPION, CHALLENGER, PREVIOUS) if aliased(client, name, alias))
            raise InputError(f"{name!r} has no alias {version!r} in the registry; it has {known or 'none'}")
        return number
    numbers = sorted(int(one.version) for one in client.search_model_versions(f"name = '{name}'"))
    if int(version) not in numbers:
        listed = ", ".join(map(str, numbers)) or "none; run the registration stage first"
        raise InputError(f"{name!r} has no version {version} in the registry; it has {listed}")
    return str(int(version))


def read_evidence(client: "MlflowClient", name: str, version: str) -> Evidence:
    """Read what was kept with a version for the gate.

    Raises:
        InputError: nothing was, or it cannot be fetched.
    """
    from mlflow.exceptions import MlflowException

    run = run_of(client, name, version)
    if not any(entry.path == EVIDENCE for entry in client.list_artifacts(run)):
        raise InputError(f"version {version} of {name!r} has no evidence for the gate; register the model again")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return Evidence.load(Path(client.download_artifacts(run, EVIDENCE, folder)))
        except (MlflowException, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"version {version} of {name!r}: its evidence cannot be fetched ({reason})") from error
