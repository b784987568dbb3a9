"""CI's floors: the demo has learned. `python -m tests.floors` exits non-zero, with a line for each miss."""

import sys
from pathlib import Path
from typing import Any

from ddlivm.errors import InputError
from ddlivm.files import read_json

SUMMARY = Path("reports/summary.json")
REGISTRATION = Path("build/registration/registration.json")
TIMES_UNTRAINED = 5
LEAST = {"accuracy": 0.80, "map40": 0.70, "recall40": 0.60}


def missed(summary: dict[str, Any]) -> list[str]:
    """Return a line for each floor that the run's figures miss."""
    untrained, infrared = summary["references"]["untrained"], summary["references"]["infrared_only"]
    floors = [
        ("map40", TIMES_UNTRAINED * untrained["map40"], f"{TIMES_UNTRAINED} times the untrained model's"),
        ("map40", infrared["map40"], "infrared only's"),
        ("accuracy", infrared["accuracy"], "infrared only's"),
        ("accuracy", TIMES_UNTRAINED * untrained["accuracy"], f"{TIMES_UNTRAINED} times the untrained model's"),
    ]
    lines = [
        f"{name} {summary[name]:.3f} is not above {whose} {floor:.3f}"
        for name, floor, whose in floors
        if not summary[name] > floor
    ]
    lines += [
        f"{name} {summary[name]:.3f} is below {least:.2f}"
        for name, least in LEAST.items()
        if not summary[name] >= least
    ]
    if not untrained["predictions"]:
        lines.append("the untrained model predicts nothing, so that nothing was compared with it")
    return lines


def unpromoted(path: Path) -> list[str]:
    """Return a line for each reason why the gate did not let the shipped model through, as registration wrote it."""
    try:
        content = read_json(path)
    except InputError as error:
        return [str(error)]
    verdict = content.get("verdict")
    return [] if verdict == "PROMOTE" else [f"{path}: {verdict}: {reason}" for reason in content.get("reasons") or [""]]


if __name__ == "__main__":
    misses = [f"{SUMMARY}: {line}" for line in missed(read_json(SUMMARY))] + unpromoted(REGISTRATION)
    print("\n".join(misses) or f"{SUMMARY}, {REGISTRATION}: above every floor")
    sys.exit(1 if misses else 0)
