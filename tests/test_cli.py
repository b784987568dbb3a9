import subprocess
import sys

import pytest

from ddlivm.cli import main
from tests.imports import ROOT

HEAVY = ("torch", "torchvision", "mmdet", "mlflow", "kfp", "pandas", "numpy", "cv2")
COMMANDS = (
    *("simulate", "validate", "predict", "align", "describe", "track", "summary", "pack"),
    *("submit", "status", "promote", "rollback", "ledger", "lineage"),
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_answered_without_loading_what_is_heavy(command: str):
    program = (
        "import sys\n"
        f"sys.argv = ['ddlivm', *{[command] if command else []!r}, '--help']\n"
        "from ddlivm.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        f"loaded = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    for name in (command,) if command else COMMANDS:
        assert name in result.stdout


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["validate", "/nowhere"], "ddlivm: /nowhere: is no data set"),
        (["pack", "/nowhere", "packed"], "ddlivm: /nowhere: has no files to pack"),
        (["track", "--build", "/nowhere"], "ddlivm: /nowhere: has no stage's output yet"),
        (["summary", "--build", "/nowhere"], "ddlivm: /nowhere/report: has no report yet"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    argv: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["ddlivm", *argv])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
