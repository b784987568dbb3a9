import re
import subprocess

from tests.imports import ROOT


def test_help_explains_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
    help_text = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = dict(line.split(maxsplit=1) for line in help_text.splitlines())
    assert set(explained) == set(targets)
    assert subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout == help_text


def test_ci_runs_what_the_readers_run():
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^make (\w+)$", script, re.MULTILINE) == ["setup", "lint", "types", "test", "demo"]
    assert "set -euo pipefail" in script
