"""A Kubeflow Pipelines server as far as its client's requests go, over real HTTP."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.http_server import running

NOW = "2026-01-02T03:04:05Z"


class Server(ThreadingHTTPServer):
    """Keeps what it was sent; answers `refusal` to every POST when that is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.experiments: list[dict[str, Any]] = []
        self.pipelines: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.uploaded: list[str] = []
        self.runs: list[dict[str, Any]] = []
        self.schedules: list[dict[str, Any]] = []
        self.refusal: tuple[int, str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.removeprefix("/apis/v2beta1")
        if run := re.fullmatch(r"/runs/(.+)", path):
            found = next((entry for entry in self.server.runs if entry["run_id"] == run[1]), None)
            self._answer(found or {"message": f"Run {run[1]} not found."}, 200 if found else 404)
        elif re.fullmatch(r"/pipelines/.+/versions", path):
            self._answer({"pipeline_versions": self.server.versions})
        else:
            lists: dict[str, dict[str, Any]] = {
                "/experiments": {"experiments": self.server.experiments},
                "/pipelines": {"pipelines": self.server.pipelines},
                "/healthz": {"multi_user": False},
            }
            self._answer(lists[path])

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        path = url.path.removeprefix("/apis/v2beta1")
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.server.refusal:
            code, message = self.server.refusal
            self._answer({"message": message}, code)
            return
        name = parse_qs(url.query).get("name", [""])[0]
        if path == "/pipelines/upload":
            self._keep(self.server.pipelines, {"pipeline_id": "pipeline-1", "display_name": name})
        elif path == "/pipelines/upload_version":
            self.server.uploaded.append(body)
            number = len(self.server.versions) + 1
            version = {"pipeline_id": "pipeline-1", "pipeline_version_id": f"version-{number}", "display_name": name}
            self._keep(self.server.versions, version)
        else:
            lists = {
                "/experiments": ("experiment_id", self.server.experiments),
                "/runs": ("run_id", self.server.runs),
                "/recurringruns": ("recurring_run_id", self.server.schedules),
            }
            key, kept = lists[path]
            self._keep(kept, {key: f"{key}-1", "created_at": NOW} | json.loads(body))

    def log_message(self, *_: Any) -> None:
        pass

    def _keep(self, kept: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        kept.append(entry)
        self._answer(entry)

    def _answer(self, content: dict[str, Any], code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


@contextmanager
def kubeflow() -> Iterator[Server]:
    """Yield a running server."""
    with running(Server()) as server:
        yield server
