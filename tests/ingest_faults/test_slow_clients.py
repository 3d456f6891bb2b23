"""Two hundred slow connections, not signed in, through the real web server."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
import requests

from calls.models import Call
from tests import factories
from tests.faults.scenario import Scenario
from tests.ingest_faults.test_chunked_bodies import connect, headers_of
from tests.ingest_faults.web_server import WebServer, results

pytestmark = pytest.mark.django_db(transaction=True)
OF_EACH_KIND, REQUESTS = 40, 10
LENGTH = "Content-Length: 4000\r\n\r\n"


def test_everybody_is_answered_while_slow_connections_are_open(
    scenario: Scenario, web_server: WebServer
) -> None:
    known = headers_of(scenario.source)
    begun = (
        "",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        known + LENGTH,
        known.replace(scenario.source.public_id, "src_unknown") + LENGTH,
        f"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n{LENGTH}",
    )
    with ExitStack() as stack:
        slow = [
            stack.enter_context(connect(web_server.url))
            for _kind in begun
            for _n in range(OF_EACH_KIND)
        ]
        for number, one in enumerate(slow):
            one.sendall(begun[number % len(begun)].encode())

        for _number in range(REQUESTS):
            assert requests.get(f"{web_server.url}/healthz", timeout=30).text == "ok"
            answer = web_server.post([factories.v3_record()], source=scenario.source)
            assert results(answer)[0]["status"] == "created"

        assert [is_open(one) for one in slow] == [True] * len(slow)
    assert Call.objects.count() == REQUESTS


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
