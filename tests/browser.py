"""A headless browser, where the machine has one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def shown(address: str, folder: Path) -> str:
    """Return a page's document as it stands after its scripts have run, or skip the test."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is in PATH")
    command = [browser, "--headless=new", "--disable-gpu", f"--user-data-dir={folder}", "--virtual-time-budget=20000"]
    command.append("--window-size=1600,3000")  # what lies below is not drawn
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # it refuses to run as root otherwise
    result = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120, check=True)
    return result.stdout
