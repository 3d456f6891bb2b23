"""Clients that are slow occupy no thread and are not kept; limits of connections and memory."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from callkeeper_metrika.web_server import limits, worker
from callkeeper_metrika.web_server.worker import allowed_connections
from tests.callkeeper_metrika.web_server.loop import Loop, answer, error_code, is_closed

MakeLoop = Callable[..., Loop]
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/calls HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
SLOW = {
    "headers": b"GET /api/docs HTTP/1.1\r\nHost: a\r\nX: ",
    "body": POST % 1000,
    "chunks": b"POST /api/v1/calls HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.fixture
def make_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeLoop]:
    made: list[Loop] = []

    def make(**options: Any) -> Loop:
        made.append(Loop(monkeypatch, **options))
        return made[-1]

    yield make
    for loop in made:
        loop.close()


@pytest.mark.parametrize("kind", SLOW)
def test_unfinished_requests_take_no_thread(make_loop: MakeLoop, kind: str) -> None:
    loop = make_loop()
    slow = [loop.connect(SLOW[kind]) for _number in range(40)]

    whole = loop.connect(WHOLE)
    for one in slow:
        loop.send(one, b"1")
    tasks = [type(task).__name__ for task in loop.dispatcher.tasks]
    loop.work()

    # Besides the whole request only look-ups of sources, which wait for no client.
    assert tasks.count("BufferedChannel") == 1
    assert answer(whole)[0] == 200
    assert [environ["PATH_INFO"] for environ in loop.requests] == ["/healthz"]
    assert len(loop.server.active_channels) == 41


@pytest.mark.parametrize(("kind", "seconds"), [("headers", 12), ("body", 12)])
def test_byte_every_three_seconds_is_too_slow(make_loop: MakeLoop, kind: str, seconds: int) -> None:
    loop = make_loop()
    client = loop.connect(SLOW[kind])
    for _number in range(seconds // 3 - 1):
        loop.wait(3)
        loop.send(client, b"a")
    assert not is_closed(client)

    loop.wait(3)
    loop.work()

    status, head, body = answer(client)
    assert (status, "Connection: close" in head) == (408, True)
    assert loop.requests == []
    if kind == "body":
        assert error_code(body) == "request_timeout"


def test_body_at_the_minimal_rate_is_taken_until_its_deadline(make_loop: MakeLoop) -> None:
    loop = make_loop()
    rate = limits.BYTES_PER_SECOND
    patient = loop.connect(POST % (60 * rate))
    endless = loop.connect(POST % (1000 * rate))
    for _number in range(59):
        loop.wait(1)
        loop.send(patient, b"a" * rate)
        loop.send(endless, b"a" * rate)
    loop.send(patient, b"a" * rate)
    loop.work()

    assert answer(patient)[0] == 200
    assert len(loop.requests[0]["body"]) == 60 * rate
    for _number in range(62):
        loop.wait(1)
        loop.send(endless, b"a" * rate)
    loop.work()
    assert answer(endless)[0] == 408
    assert len(loop.requests) == 1


def test_idle_connections_are_closed_and_busy_ones_are_not(make_loop: MakeLoop) -> None:
    loop = make_loop()
    silent, kept, served = loop.connect(), loop.connect(WHOLE), loop.connect()
    loop.work()
    assert answer(kept)[0] == 200
    loop.send(served, WHOLE)  # its thread takes long

    loop.wait(limits.HEADERS_SECONDS + 1)
    assert is_closed(silent)
    assert not is_closed(kept)
    loop.wait(limits.IDLE_SECONDS)

    assert is_closed(kept)
    assert not is_closed(served)
    loop.work()
    served.setblocking(True)
    assert answer(served)[0] == 200


def test_reader_that_does_not_read_takes_no_thread_and_is_closed(make_loop: MakeLoop) -> None:
    loop = make_loop(body=b"x" * 12_000_000)
    client = loop.connect(WHOLE)

    loop.work()  # returns: the response waits in the loop
    loop.wait(1)
    assert len(loop.server.active_channels) == 1
    loop.wait(limits.GRACE_SECONDS + 1)

    assert len(loop.server.active_channels) == 0
    assert len(answer(client)[2]) < 12_000_000


def test_reader_of_a_large_response_gets_all_of_it(make_loop: MakeLoop) -> None:
    loop = make_loop(body=b"x" * 12_000_000)
    client = loop.connect(WHOLE)
    loop.work()
    client.setblocking(False)
    received = 0
    while received < 12_000_000:
        loop.wait(1)
        try:
            received += len(client.recv(1 << 20))
        except BlockingIOError:
            continue

    assert received > 12_000_000


def test_one_address_cannot_hold_all_connections(make_loop: MakeLoop) -> None:
    loop = make_loop(connections=20)
    neighbour = loop.connect(SLOW["headers"], source="127.0.0.2")
    crowd = []
    for _number in range(40):
        loop.now += 0.1
        crowd.append(loop.connect(SLOW["headers"]))

    late = loop.connect(WHOLE, source="127.0.0.3")
    loop.work()

    assert answer(late)[0] == 200
    assert not is_closed(neighbour)
    closed = [is_closed(one) for one in crowd]
    assert closed == sorted(closed, reverse=True)  # the longest waiting ones
    assert len(loop.map) <= 20


def test_bodies_in_memory_are_bounded_and_the_oldest_is_refused(
    make_loop: MakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 1_000_000)
    loop = make_loop()
    clients = []
    for _number in range(3):
        loop.now += 1
        clients.append(loop.connect(POST % 500_000 + b"a" * 400_000))
    small = loop.connect(POST % 3 + b"abc")
    loop.work()

    status, head, body = answer(clients[0])
    assert (status, error_code(body)) == (503, "server_busy")
    assert "Retry-After: 5" in head
    for client in clients[1:]:
        loop.send(client, b"a" * 100_000)
    loop.work()
    assert [answer(one)[0] for one in (*clients[1:], small)] == [200, 200, 200]


def test_request_refused_by_its_headers_is_answered_before_its_body(make_loop: MakeLoop) -> None:
    loop = make_loop(refuses=lambda path, headers: headers.get("X-Source") == "unknown")
    head = (POST % 4_000_000)[:-2] + b"X-Source: unknown\r\nExpect: 100-continue\r\n\r\n"

    client = loop.connect(head)
    loop.work()

    status, text, _body = answer(client)
    assert (status, "Connection: close" in text) == (200, True)
    assert "100 Continue" not in text
    assert loop.requests[0]["body"] is None  # reading it is an error: it is not empty


def test_body_beyond_the_limit_is_not_read(make_loop: MakeLoop) -> None:
    loop = make_loop()

    client = loop.connect(POST % 6_000_000)
    loop.work()

    assert answer(client)[0] == 200
    assert loop.requests[0]["body"] is None


def test_source_of_a_large_body_is_looked_up_while_it_comes(make_loop: MakeLoop) -> None:
    loop = make_loop()
    looked_up: list[tuple[str, str | None, str]] = []

    def is_unknown(path: str, headers: Any, query: str) -> bool:
        looked_up.append((path, headers.get("X-CallKeeper-Source"), query))
        return True

    loop.server.is_unknown_source = is_unknown
    head = POST.replace(b"calls ", b"calls?source=b ")[:-2] + b"X-CallKeeper-Source: a\r\n\r\n"
    small = loop.connect(head % 100 + b"a" * 99)
    large = loop.connect(head % 4_000_000 + b"a" * 99)
    loop.work()
    loop.work()

    assert looked_up == [("/api/v1/calls", "a", "source=b")]
    assert answer(large)[0] == 200
    assert [environ["body"] for environ in loop.requests] == [None]
    loop.send(small, b"a")
    loop.work()
    assert answer(small)[0] == 200
    assert loop.requests[1]["body"] == b"a" * 100


def test_source_of_a_small_body_is_looked_up_when_it_does_not_come(make_loop: MakeLoop) -> None:
    loop = make_loop()
    looked_up: list[str] = []

    def is_unknown(path: str, _headers: Any, _query: str) -> bool:
        looked_up.append(path)
        return True

    loop.server.is_unknown_source = is_unknown
    client = loop.connect(POST % 100)
    loop.wait(1)
    loop.work()
    loop.work()

    assert looked_up == ["/api/v1/calls"]
    assert answer(client)[0] == 200
    assert [environ["body"] for environ in loop.requests] == [None]


def test_refused_client_that_still_sends_gets_its_answer(make_loop: MakeLoop) -> None:
    loop = make_loop()
    client = loop.connect(POST % 6_000_000)
    loop.work()
    loop.send(client, b"a" * 600_000)

    assert answer(client)[0] == 200
    loop.wait(limits.LINGER_SECONDS + 1)
    assert len(loop.server.active_channels) == 0


def test_expect_continue_is_answered(make_loop: MakeLoop) -> None:
    loop = make_loop()
    client = loop.connect((POST % 3)[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"

    loop.send(client, b"abc")
    loop.work()

    assert answer(client)[0] == 200
    assert loop.requests[0]["body"] == b"abc"


def test_head_has_the_headers_of_get_and_no_body(make_loop: MakeLoop) -> None:
    loop = make_loop()
    client = loop.connect(WHOLE.replace(b"GET", b"HEAD") + WHOLE)
    loop.work()
    loop.work()

    first, second = answer_all(client)
    assert (b"Content-Length: 2" in first, first.count(b"ok")) == (True, 0)
    assert second.endswith(b"\r\n\r\nok")


def answer_all(client: socket.socket) -> list[bytes]:
    client.settimeout(0.2)
    received = b""
    try:
        while more := client.recv(65536):
            received += more
    except TimeoutError:
        pass
    return [b"HTTP/1.1" + one for one in received.split(b"HTTP/1.1")[1:]]


def test_stopping_server_ends_connections_with_their_answer(make_loop: MakeLoop) -> None:
    loop = make_loop()
    client = loop.connect(WHOLE)
    loop.server.stop_accepting()
    loop.work()

    status, head, _body = answer(client)
    assert (status, "Connection: close" in head) == (200, True)
    assert not loop.server.readable()


def test_open_files_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _kind: (256, 512))
    monkeypatch.setattr("resource.setrlimit", lambda _kind, both: raised.append(both))

    assert allowed_connections(1000) == 512 - worker.OTHER_FILES
    assert raised == [(512, 512)]
