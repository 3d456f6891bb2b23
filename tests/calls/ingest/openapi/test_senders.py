"""The programs of `/api/docs` and of the page of a new secret: each is run, and what it sends is
posted to the endpoint, which checks its signature."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.test import Client

from cabinets.models import CallSource
from cabinets.senders import TEMPLATES, Sender, senders
from calls.ingest.openapi import examples as vector
from calls.models import Call
from tests import factories
from tests.calls.posting import post_body
from tests.responses import text_of

pytestmark = pytest.mark.django_db

PROGRAMS = {
    "Python": [sys.executable],
    "PHP": ["php"],
    "Node": ["node"],
    "curl": ["sh"],
}
#: Other programs that a sender calls.
NEEDED = {"curl": ["curl", "openssl", "base64", "od"]}
#: What makes the id and the time of a delivery → those of the vector.
FIXED = {
    "Python": [
        ('f"msg_{uuid.uuid4().hex}"', f'"{vector.VECTOR_ID}"'),
        ("str(int(time.time()))", f'"{vector.VECTOR_TIMESTAMP}"'),
    ],
    "PHP": [
        ("'msg_' . bin2hex(random_bytes(16))", f"'{vector.VECTOR_ID}'"),
        ("(string) time()", f"'{vector.VECTOR_TIMESTAMP}'"),
    ],
    "Node": [
        ("`msg_${randomUUID()}`", f'"{vector.VECTOR_ID}"'),
        ("String(Math.floor(Date.now() / 1000))", f'"{vector.VECTOR_TIMESTAMP}"'),
    ],
    "curl": [
        ('"msg_$(date +%s)_$$"', vector.VECTOR_ID),
        ("TIMESTAMP=$(date +%s)", f"TIMESTAMP={vector.VECTOR_TIMESTAMP}"),
    ],
}


class Listener(HTTPServer):
    """Keeps the requests that came; answers with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keep)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.status = 202

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/v1/calls"


class Keep(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: Any) -> None:
        """Write nothing."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def sender_of(language: str, source: CallSource, listener: Listener, secret: str) -> Sender:
    missing = [name for name in needed(language) if not shutil.which(name)]
    if missing:
        pytest.skip(f"NOT RUN: the sender in {language}, no {', '.join(missing)} on this machine")
    of_source = senders(address=listener.address, source_id=source.public_id, secret=secret)
    return {one.language: one for one in of_source}[language]


def needed(language: str) -> list[str]:
    return [PROGRAMS[language][0], *NEEDED.get(language, [])]


def run(sender: Sender, text: str, body: bytes, folder: Path) -> int:
    """Save the program under its name, run it with a file of calls, return its exit code."""
    (folder / sender.file_name).write_text(text, encoding="utf-8")
    (folder / "calls.json").write_bytes(body)
    command = [*PROGRAMS[sender.language], sender.file_name, "calls.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return done.returncode


def posted(headers: dict[str, str], body: bytes) -> Any:
    ours = {name: value for name, value in headers.items() if name.startswith(("webhook", "x-"))}
    return post_body(body, headers=ours, content_type=headers["content-type"])


@pytest.mark.parametrize("language", PROGRAMS)
def test_sender_signs_the_published_vector(
    language: str, listener: Listener, tmp_path: Path
) -> None:
    secret = vector.VECTOR_SECRET
    source = factories.make_source(cabinet=factories.make_cabinet(name="А"), secret=secret)
    sender = sender_of(language, source, listener, secret)
    text = sender.text
    for generated, fixed in FIXED[language]:
        assert generated in text
        text = text.replace(generated, fixed)

    code = run(sender, text, vector.VECTOR_BODY.encode(), tmp_path)

    [(headers, body)] = listener.came
    assert (code, body) == (0, vector.VECTOR_BODY.encode())
    assert headers["webhook-id"] == vector.VECTOR_ID
    assert headers["webhook-signature"] == vector.VECTOR_SIGNATURE
    with time_machine.travel(datetime.fromtimestamp(int(vector.VECTOR_TIMESTAMP), UTC)):
        answer = posted(headers, body)
    assert answer.status_code == 202
    assert Call.objects.get().external_id == "23423423434434234"


@pytest.mark.parametrize("language", PROGRAMS)
def test_sender_is_accepted_as_it_is_shown(
    language: str, source: CallSource, listener: Listener, tmp_path: Path
) -> None:
    sender = sender_of(language, source, listener, factories.SECRET)
    calls = {"calls": [factories.v3_record(tags=["Балкон", 'кв. "7"\n']), factories.v3_record()]}
    body = json.dumps(calls, ensure_ascii=False, indent=1).encode()

    code = run(sender, sender.text, body, tmp_path)
    listener.status = 503
    refused = run(sender, sender.text, body, tmp_path)

    [(headers, sent), (again, _same)] = listener.came
    answer = posted(headers, sent)
    assert (code, refused != 0, answer.status_code) == (0, True, 202)
    assert [one["status"] for one in answer.json()["results"]] == ["created", "created"]
    # curl's id has the second and the process.
    assert headers["webhook-id"] != again["webhook-id"]


def test_page_shows_the_senders_of_the_source() -> None:
    page = text_of(Client().get("/api/docs", {"source": "src_0123456789abcdef"}))

    for language, file_name, _text in TEMPLATES:
        assert f"<summary>{language}</summary>" in page
        assert f'aria-label="{file_name}"' in page
    assert page.count("src_0123456789abcdef") >= len(TEMPLATES)
