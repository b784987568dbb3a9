from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipelines import miniature


@dataclass(frozen=True)
class Finished:
    """A miniature repository after its first `dvc repro`, what that printed, and what each stage wrote."""

    folder: Path
    printed: str
    outputs: dict[str, str]


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    folder = miniature.make(tmp_path_factory.mktemp("miniature") / "repository")
    printed = miniature.dvc(folder, "repro")
    return Finished(folder, printed, miniature.outputs(folder))
