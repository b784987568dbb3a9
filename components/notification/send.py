"""Tell a webhook how a run ended: `python -m components.notification.send --status JSON`.

The address comes from the environment, since it often holds a secret. Without one nothing is sent. A webhook that does
not answer is reported on stderr and no more: a run that went well must not fail by it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

WEBHOOK = "DDLIVM_WEBHOOK"
PAUSES = (0.0, 2.0, 8.0)
"""Seconds before each attempt."""
TIMEOUT = 10.0


def main() -> int:
    """Send the status; return 0, or 2 after one line if the status is no JSON object."""
    parser = argparse.ArgumentParser(
        "python -m components.notification.send", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--status", required=True, metavar="JSON", help="Kubeflow's PipelineTaskFinalStatus")
    given = parser.parse_args().status
    address = os.environ.get(WEBHOOK)
    if not address:
        print(f"notification: {WEBHOOK} is not set; nobody is told")
        return 0
    try:
        status = json.loads(given)
        body = json.dumps(message(status)).encode()
    except (json.JSONDecodeError, AttributeError) as error:
        print(f"notification: --status: expected a JSON object ({error})", file=sys.stderr)
        return 2
    print(f"notification: {send(address, body)}", flush=True)
    return 0


def message(status: Mapping[str, Any]) -> dict[str, str]:
    """Return what is sent: `text`, which chat services show, and its parts."""
    state = str(status.get("state", "UNKNOWN"))
    run = str(status.get("pipelineJobResourceName", ""))
    reason = str((status.get("error") or {}).get("message", ""))
    text = f"DD-LIVM run {run}: {state}" + (f": {reason}" if reason else "")
    return {"text": text, "state": state, "run": run, "reason": reason}


def send(address: str, body: bytes) -> str:
    """Post JSON, trying again a few times; return one line that says how it went, without the address's path."""
    shown = urlsplit(address).hostname
    trouble = ""
    for pause in PAUSES:
        time.sleep(pause)
        try:
            request = Request(address, data=body, headers={"Content-Type": "application/json"})
            with urlopen(request, timeout=TIMEOUT) as answer:
                return f"{shown} was told ({answer.status})"
        except (URLError, OSError, ValueError) as error:
            trouble = str(getattr(error, "reason", error))
    return f"{shown} was not told ({trouble})"


if __name__ == "__main__":
    sys.exit(main())
