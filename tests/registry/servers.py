"""A tracking server of the test's own: PostgreSQL for its records, S3 for its files, and a process to kill."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 180
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def postgres() -> Iterator[str]:
    """Start an empty database and yield its address, or skip the test."""
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("no PostgreSQL: initdb and postgres are not in PATH")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("no driver for PostgreSQL: psycopg is not installed")
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="ddlivm-postgres-"))
    if user is not None:
        shutil.chown(folder, user)
    port = free_port()
    options = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = None
    try:
        init = ["initdb", "--pgdata", str(folder / "data"), "--username", "tests", "--auth", "trust", "--no-sync"]
        subprocess.run(init, check=True, **options)  # type: ignore[call-overload]
        command = ["postgres", "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
        process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
        _wait_for_port(port)
        yield f"postgresql://tests@127.0.0.1:{port}/postgres"
    finally:
        if process is not None:
            process.terminate()
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


class TrackingServer:
    """`mlflow server` on a database and a bucket; clients send files straight to the bucket."""

    def __init__(self, database: str, bucket: str) -> None:
        self._database, self._bucket, self._port = database, bucket, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self._database]
        command += ["--default-artifact-root", f"s3://{self._bucket}/artifacts", "--no-serve-artifacts"]
        command += ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes that none needs
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        raise TimeoutError(f"{self.address} did not start")

    def kill(self) -> None:
        """End it at once, its workers included, as a node that is lost would."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")
