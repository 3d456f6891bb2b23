"""Chunked bodies through the real web server: taken up to the limit, refused while reading."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from cabinets.models import CallSource
from calls.models import Call
from tests import factories
from tests.calls.posting import new_webhook_id, signed_headers
from tests.faults.scenario import Scenario
from tests.ingest_faults.web_server import WebServer, results

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024 * 1024
#: Far more than INGEST_MAX_BYTES, in case nobody stops reading.
ENDLESS_MEGABYTES = 200
CUT_OFF = "Content-Length: 100\r\n\r\n{}"


def headers_of(source: CallSource) -> str:
    """Return headers that nothing but the body can refuse."""
    signed = signed_headers(b"", webhook_id=new_webhook_id())
    named = signed | {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "X-CallKeeper-Source": source.public_id,
    }
    lines = [f"{name}: {value}\r\n" for name, value in named.items()]
    return "POST /api/v1/calls HTTP/1.1\r\n" + "".join(lines)


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_chunked_body_is_accepted(scenario: Scenario, web_server: WebServer, size: int) -> None:
    body = json.dumps({"calls": [factories.v3_record(), factories.v3_record()]}).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id())
    headers |= {
        "Content-Type": "application/json",
        "X-CallKeeper-Source": scenario.source.public_id,
        "Content-Encoding": "identity",
    }

    answer = requests.post(
        f"{web_server.url}/api/v1/calls", data=pieces(body, size), headers=headers, timeout=30
    )

    assert [one["status"] for one in results(answer)] == ["created", "created"]
    assert Call.objects.count() == 2


def test_endless_chunked_body_is_refused_while_reading(
    scenario: Scenario, web_server: WebServer
) -> None:
    before = memory(web_server)

    answer, sent = send_endlessly(web_server.url, headers_of(scenario.source))

    assert answer.startswith("HTTP/1.1 413 ")
    assert json.loads(answer.partition("\r\n\r\n")[2])["error"]["code"] == "body_too_large"
    assert sent < ENDLESS_MEGABYTES
    assert memory(web_server) - before < 60 * MEGABYTE
    assert web_server.is_up()
    assert Call.objects.count() == 0


@pytest.mark.parametrize(
    "rest", ["zz\r\nabc\r\n0\r\n\r\n", "1;" + "x" * 40 + "\r\na\r\n" + "1\r\na\r\n" * 40_000]
)
def test_malformed_and_tiny_chunks_are_refused(
    scenario: Scenario, web_server: WebServer, rest: str
) -> None:
    head = f"{headers_of(scenario.source)}Transfer-Encoding: chunked\r\n\r\n{rest}".encode()

    answer = send_raw(web_server.url, head)

    assert answer.startswith("HTTP/1.1 400 ")
    assert '"bad_request"' in answer
    assert Call.objects.count() == 0


@pytest.mark.parametrize("rest", ["Transfer-Encoding: chunked\r\n\r\n5\r\nabc", CUT_OFF])
def test_body_that_is_cut_off_is_not_answered(
    scenario: Scenario, web_server: WebServer, rest: str
) -> None:
    answer = send_raw(web_server.url, f"{headers_of(scenario.source)}{rest}".encode())

    assert answer == ""
    assert Call.objects.count() == 0


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked\r\nContent-Length: 3",
    ],
)
def test_framing_that_servers_read_differently_ends_the_connection(
    scenario: Scenario, web_server: WebServer, framing: str
) -> None:
    smuggled = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    request = f"{headers_of(scenario.source)}{framing}\r\n\r\n0\r\n\r\n{smuggled}"

    answer = send_raw(web_server.url, request.encode(), until_closed=True)

    assert answer.split(" ", 2)[1] in ("400", "501")
    assert answer.count("HTTP/1.") == 1


def test_request_without_any_length_is_refused(scenario: Scenario, web_server: WebServer) -> None:
    answer = send_raw(web_server.url, f"{headers_of(scenario.source)}\r\n".encode())

    assert answer.startswith("HTTP/1.1 411 ")
    assert '"length_required"' in answer


def memory(web_server: WebServer) -> int:
    processes: list[psutil.Process] = web_server.workers()
    return sum(int(process.memory_info().rss) for process in processes)


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30)


def send_raw(url: str, request: bytes, *, until_closed: bool = False) -> str:
    with connect(url) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return read_answer(connection, until_closed=until_closed)


def send_endlessly(url: str, headers: str) -> tuple[str, int]:
    """Send chunks of a megabyte until the server answers; return the answer and the megabytes."""
    chunk = b"%x\r\n" % MEGABYTE + b" " * MEGABYTE + b"\r\n"
    with connect(url) as connection:
        connection.sendall(f"{headers}Transfer-Encoding: chunked\r\n\r\n".encode())
        for sent in range(ENDLESS_MEGABYTES):
            try:
                connection.sendall(chunk)
            except OSError:
                return read_answer(connection), sent
            if answers(connection):
                return read_answer(connection), sent
    return "", ENDLESS_MEGABYTES


def answers(connection: socket.socket) -> bool:
    """Return whether the answer, or the end of the connection, is there."""
    readable, _writable, _failed = select.select([connection], [], [], 0)
    return bool(readable)


def read_answer(connection: socket.socket, *, until_closed: bool = False) -> str:
    """Return head and body of one answer, or all that comes."""
    received = b""
    while until_closed or not is_whole(received):
        more: Any = connection.recv(65536)
        if not more:
            break
        received += more
    return received.decode()


def is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    return bool(end) and len(body) >= sum(lengths)
