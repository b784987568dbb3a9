import re
import subprocess

from tests.imports import ROOT


def printed(*targets: str) -> str:
    # A make that runs inside another one, as `make test` does, would say where it is.
    command = ["make", "--no-print-directory", *targets]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_explains_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    explained = dict(line.split(maxsplit=1) for line in printed("help").splitlines())
    assert set(explained) == set(targets)
    assert printed() == printed("help")


def test_ci_runs_what_the_readers_run():
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^make (\w+)$", script, re.MULTILINE) == ["setup", "lint", "types", "test", "demo", "images"]
    assert "set -euo pipefail" in script
