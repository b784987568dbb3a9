"""Write the images' locks, each a part of requirements.lock: `python -m pipelines.images.locks`.

`docker/light.lock` holds what the group `light` of pyproject.toml needs, `docker/heavy.lock` what the group `heavy`
needs besides. Versions are requirements.lock's, so no resolver runs and nothing can drift.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from ddlivm.errors import InputError

LOCK = Path("requirements.lock")
PROJECT = Path("pyproject.toml")
LIGHT, HEAVY = Path("docker/light.lock"), Path("docker/heavy.lock")


def main() -> int:
    """Write both locks; return the exit status."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    replaced = {normalised(Requirement(line).name) for line in project["tool"]["uv"]["override-dependencies"]}
    try:
        versions = read_lock(LOCK)
        light = closure(groups["light"], versions, replaced)
        heavy = closure(groups["heavy"], versions, replaced) - light
    except InputError as error:
        print(f"locks: {error}", file=sys.stderr)
        return 2
    for path, names in ((LIGHT, light), (HEAVY, heavy)):
        path.write_text("".join(f"{name}=={versions[name]}\n" for name in sorted(names)), encoding="utf-8")
    return 0


def read_lock(path: Path) -> dict[str, str]:
    """Return a lock's exact versions by normalised name.

    Raises:
        InputError: a line names no exact version.
    """
    versions: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, separator, version = line.partition("==")
        if not separator:
            raise InputError(f"{path}:{number}: expected name==version, got {line!r}; run: make lock")
        versions[normalised(name)] = version
    return versions


def closure(roots: Iterable[str], versions: Mapping[str, str], replaced: Iterable[str] = ()) -> set[str]:
    """Return the roots and all that they require on this platform, directly or not.

    Args:
        roots: requirements, such as `fsspec[http]`.
        versions: what is locked and installed.
        replaced: names that a fork or another build stands in for.

    Raises:
        InputError: something is required that the lock does not hold, or the environment differs from the lock.
    """
    found: set[str] = set()
    visited: set[tuple[str, str]] = set()
    waiting = [("pyproject.toml", Requirement(root)) for root in roots]
    while waiting:
        wanted_by, requirement = waiting.pop()
        name = normalised(requirement.name)
        if name in replaced:
            continue
        if name not in versions:
            raise InputError(f"{LOCK}: has no {name}, which {wanted_by} requires; run: make lock")
        if metadata.version(name) != versions[name]:
            raise InputError(
                f"{name} {metadata.version(name)} is installed, {LOCK} has {versions[name]}; run: make setup"
            )
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in visited:
                visited.add((name, extra))
                waiting += [(name, entry) for entry in _required(name, extra)]
    return found


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(name: str, extra: str) -> list[Requirement]:
    listed = [Requirement(line) for line in metadata.requires(name) or ()]
    return [entry for entry in listed if entry.marker is None or entry.marker.evaluate({"extra": extra})]


if __name__ == "__main__":
    sys.exit(main())
