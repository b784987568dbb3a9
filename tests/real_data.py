"""Where the optional real data is, for the tests that use it."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("DDLIVM_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_data(name: str) -> Path:
    """Return a folder of real data, or skip the test that asked."""
    folder = FOLDER / name
    if not folder.exists():
        pytest.skip(f"real data {name!r} is not here; set DDLIVM_REAL_DATA to its folder")
    return folder
