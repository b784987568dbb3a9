import json
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from components.notification import send
from tests.http_server import running

FAILED = {
    "state": "FAILED",
    "pipelineJobResourceName": "retrain-x",
    "error": {"code": 13, "message": "alignment: exit status 2"},
}


class Webhook(HTTPServer):
    """A server that answers with the statuses in `answers`, then 200, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[dict] = []
        self.answers: list[int] = []


class Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def webhook():
    with running(Webhook()) as server:
        yield server


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.setattr(send, "PAUSES", (0.0, 0.0, 0.0))

    def call(status: str, address: str | None = None):
        monkeypatch.delenv(send.WEBHOOK, raising=False)
        if address:
            monkeypatch.setenv(send.WEBHOOK, address)
        monkeypatch.setattr("sys.argv", ["send", "--status", status])
        code = send.main()
        return code, capsys.readouterr()

    return call


def address_of(server) -> str:
    return f"http://127.0.0.1:{server.server_port}/secret-path"


def test_says_how_the_run_ended_and_why(webhook, run):
    code, printed = run(json.dumps(FAILED), address_of(webhook))
    assert code == 0
    assert webhook.received == [
        {
            "text": "DD-LIVM run retrain-x: FAILED: alignment: exit status 2",
            "state": "FAILED",
            "run": "retrain-x",
            "reason": "alignment: exit status 2",
        }
    ]
    assert printed.out == "notification: 127.0.0.1 was told (200)\n"


def test_tries_again(webhook, run):
    webhook.answers[:] = [503, 500]
    assert run('{"state": "SUCCEEDED"}', address_of(webhook))[0] == 0
    assert [sent["text"] for sent in webhook.received] == ["DD-LIVM run : SUCCEEDED"] * 3


def test_a_webhook_that_is_down_fails_no_run_and_its_address_stays_secret(run):
    code, printed = run("{}", "http://127.0.0.1:1/secret-path")
    assert code == 0
    assert "was not told (" in printed.out
    assert "secret-path" not in printed.out + printed.err


def test_without_an_address_nothing_is_sent(run):
    code, printed = run("no JSON")
    assert (code, printed.out) == (0, "notification: DDLIVM_WEBHOOK is not set; nobody is told\n")


@pytest.mark.parametrize("status", ["no JSON", "[1]"])
def test_a_status_that_is_no_object_is_one_line(run, status):
    code, printed = run(status, "http://127.0.0.1:1/")
    assert code == 2
    assert printed.err.startswith("notification: --status: expected a JSON object (")
    assert len(printed.err.splitlines()) == 1
