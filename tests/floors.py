"""CI's floors: the demo has learned. `python -m tests.floors` exits non-zero, with a line for each miss."""

import sys
from pathlib import Path
from typing import Any

from ddlivm.files import read_json

SUMMARY = Path("reports/summary.json")
TIMES_UNTRAINED = 5


def missed(summary: dict[str, Any]) -> list[str]:
    """Return a line for each floor that the run's figures miss."""
    untrained, infrared = summary["references"]["untrained"], summary["references"]["infrared_only"]
    floors = [
        ("map40", TIMES_UNTRAINED * untrained["map40"], f"{TIMES_UNTRAINED} times the untrained model's"),
        ("map40", infrared["map40"], "infrared only's"),
        ("accuracy", infrared["accuracy"], "infrared only's"),
    ]
    lines = [
        f"{name} {summary[name]:.3f} is not above {whose} {floor:.3f}"
        for name, floor, whose in floors
        if not summary[name] > floor
    ]
    if summary["predictions"] == 0:
        lines.append("there are no predictions at the score threshold")
    return lines


if __name__ == "__main__":
    misses = missed(read_json(SUMMARY))
    print("\n".join(f"{SUMMARY}: {line}" for line in misses) or f"{SUMMARY}: above every floor")
    sys.exit(1 if misses else 0)
