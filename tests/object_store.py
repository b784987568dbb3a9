"""A real S3 server, where the environment names one, and a connection to it that can be cut."""

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

VARIABLE = "DDLIVM_TEST_S3_ENDPOINT"
FULL = "DDLIVM_TEST_S3_FULL_BUCKET"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def endpoint() -> str:
    """Return the server's address, or skip the test."""
    missing = [name for name in (VARIABLE, *KEYS) if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no S3 server: set {', '.join(missing)} to test against one")
    return os.environ[VARIABLE]


def full_bucket() -> str:
    """Return a bucket that takes no more, or skip the test."""
    if not os.environ.get(FULL):
        pytest.skip(f"no full bucket: set {FULL} to one whose quota is used up")
    return os.environ[FULL]


def s3_client(address: str) -> Any:
    return boto3.client("s3", endpoint_url=address, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))


@contextmanager
def new_bucket(address: str) -> Iterator[str]:
    """Make a bucket of the test's own; it and all that is in it go afterwards."""
    client, name = s3_client(address), f"ddlivm-test-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    try:
        yield name
    finally:
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for key in keys(client, name):
            client.delete_object(Bucket=name, Key=key)
        client.delete_bucket(Bucket=name)


def keys(client: Any, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


class Line:
    """A port of this machine that leads to the server until it is cut, in the middle of what is being sent."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._server = (parts.hostname or "", parts.port or 80)
        self._port = 0
        self._open: list[socket.socket] = []
        self._left: int | None = None
        self._pause = 0.0
        self.cuts = 0
        self._listen()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def cut_after(self, sent: int, pause: float) -> None:
        """Cut every connection once so many more bytes were sent to the server; let none in for `pause` seconds."""
        self._left, self._pause = sent, pause

    def close(self) -> None:
        """Cut everything; nobody is let in any more."""
        for one in [self._listener, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port), reuse_port=True)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            self._open += [client, server]
            for one, other, counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(one, other, counted), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while block := source.recv(65536):
                if counted and self._left is not None:
                    self._left -= len(block)
                    if self._left < 0:
                        self._cut()
                        return
                target.sendall(block)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _cut(self) -> None:
        self._left = None
        self.cuts += 1
        self.close()
        threading.Timer(self._pause, self._listen).start()
