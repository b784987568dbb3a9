"""A headless browser, where the machine has one."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from websocket import create_connection

NAMES = ("chromium", "chromium-browser", "google-chrome")
DOCUMENT = {"expression": "document.documentElement.outerHTML", "returnByValue": True}
EVALUATE = json.dumps({"id": 1, "method": "Runtime.evaluate", "params": DOCUMENT})


def shown(address: str, folder: Path, *texts: str, patience: float = 120) -> str:
    """Return a page's document once it holds all the texts, or as it is after `patience` seconds; or skip the test.

    The page is asked again and again over the DevTools protocol: `--dump-dom` ends when nothing seems to go on, which
    on a busy machine comes before the last chart is drawn.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is in PATH")
    command = [program, "--headless=new", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    command.append("--window-size=1600,3000")  # what lies below is not drawn
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # it refuses to run as root otherwise
    port, end, document = folder / "DevToolsActivePort", time.monotonic() + patience, ""
    port.unlink(missing_ok=True)
    browser = subprocess.Popen([*command, address], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while time.monotonic() < end and not (document and all(text in document for text in texts)):
            time.sleep(0.2)
            document = _document(port) or document
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    return document


def _document(port: Path) -> str:
    """Return what the browser's page is now; nothing as long as there is none."""
    number = port.read_text().partition("\n")[0] if port.is_file() else ""
    if not number:
        return ""
    with urlopen(f"http://127.0.0.1:{number}/json/list", timeout=60) as answer:
        pages = [target for target in json.load(answer) if target["type"] == "page"]
    if not pages:
        return ""
    page = create_connection(pages[0]["webSocketDebuggerUrl"], timeout=60, suppress_origin=True)
    try:
        page.send(EVALUATE)
        return json.loads(page.recv()).get("result", {}).get("result", {}).get("value", "")
    finally:
        page.close()
