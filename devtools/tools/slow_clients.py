"""Measures a web server while slow connections are open: `python -m devtools.tools.slow_clients`.

Needs the address of a running server and a source of calls (`DATA_DIR/ready.json` has both). Every
slow connection sends a byte every three seconds and is opened again as soon as it is closed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from calls.ingest.signatures import sign

BYTE_EVERY_SECONDS = 3.0
ANSWER_SECONDS = 10.0
#: Measured in each scenario: so many requests of each kind, or as many as fit in the time.
REQUESTS, SCENARIO_SECONDS = 60, 25.0
UNKNOWN_SOURCE = "src_00000000000000000000"


@dataclass(frozen=True)
class Target:
    """A web server and a source whose calls it takes."""

    host: str
    port: int
    source: str
    secret: str

    def heads(self) -> dict[str, bytes]:
        """Return what a slow connection of each kind sends at once, before its single bytes."""
        return {
            "headers": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            "body, known source": self._post("/api/v1/calls", self.source),
            "body, unknown source": self._post("/api/v1/calls", UNKNOWN_SOURCE),
            "body, sign-in": self._post("/accounts/login/", ""),
            "silent": b"",
        }

    def _post(self, path: str, source: str) -> bytes:
        content_type = "application/json" if source else "application/x-www-form-urlencoded"
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: localhost\r\nContent-Type: {content_type}\r\nContent-Length: 4000",
            *([f"X-CallKeeper-Source: {source}"] if source else []),
            f"webhook-id: {uuid.uuid4().hex}\r\nwebhook-timestamp: {int(time.time())}",
            "webhook-signature: v1,AAAA\r\n\r\n",
        ]
        return "\r\n".join(lines).encode()


@dataclass
class SlowConnections:
    """``count`` connections that send ``head`` and then single bytes, until they are stopped."""

    target: Target
    head: bytes
    count: int
    refused: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the connections open during the block."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            time.sleep(2)
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            opened: list[socket.socket] = []
            next_byte = time.monotonic()
            while not self._over.wait(0.05):
                for key, _events in selector.select(0):
                    self._drop_if_closed(selector, opened, key.fileobj)
                self._open_missing(selector, opened)
                if time.monotonic() >= next_byte:
                    next_byte += BYTE_EVERY_SECONDS
                    for one in list(opened):
                        self._send(selector, opened, one, b"a")
            for one in opened:
                one.close()

    def _open_missing(self, selector: selectors.BaseSelector, opened: list[socket.socket]) -> None:
        while len(opened) < self.count and not self._over.is_set():
            try:
                one = socket.create_connection((self.target.host, self.target.port), timeout=2)
            except OSError:
                self.refused += 1
                return
            opened.append(one)
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ)
            self._send(selector, opened, one, self.head)

    def _send(
        self,
        selector: selectors.BaseSelector,
        opened: list[socket.socket],
        one: socket.socket,
        data: bytes,
    ) -> None:
        try:
            one.send(data)
        except OSError:
            self._close(selector, opened, one)

    def _drop_if_closed(
        self, selector: selectors.BaseSelector, opened: list[socket.socket], one: object
    ) -> None:
        assert isinstance(one, socket.socket)
        try:
            if one.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(selector, opened, one)

    def _close(
        self, selector: selectors.BaseSelector, opened: list[socket.socket], one: socket.socket
    ) -> None:
        selector.unregister(one)
        opened.remove(one)
        one.close()


@dataclass(frozen=True)
class Figures:
    """Seconds of the requests that were answered, and how many were not."""

    seconds: Sequence[float]
    failed: int

    def __str__(self) -> str:
        answered = sorted(self.seconds)
        if not answered:
            return f"none of {self.failed} answered"
        p95 = answered[math.ceil(len(answered) * 0.95) - 1] * 1000
        median = answered[len(answered) // 2] * 1000
        lost = f", {self.failed} of {self.failed + len(answered)} not answered" * bool(self.failed)
        return f"median {median:.1f} ms, p95 {p95:.0f} ms{lost}"


def measure(act: Callable[[], None], requests: int, seconds: float) -> Figures:
    """Repeat the request one after another until either limit is reached."""
    taken: list[float] = []
    failed = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(taken) + failed < requests:
        began = time.monotonic()
        try:
            act()
        except OSError:
            failed += 1
        except http.client.HTTPException:
            failed += 1
        else:
            taken.append(time.monotonic() - began)
    return Figures(taken, failed)


def get_health(target: Target) -> None:
    """Request `/healthz` on a connection of its own."""
    answer, _body = _request(target, "GET", "/healthz", b"", {})
    if answer != 200:
        raise OSError(answer)


def post_calls(
    target: Target, calls: int, *, keep: http.client.HTTPConnection | None = None
) -> None:
    """Post signed calls in one request."""
    body = json.dumps({"calls": [_record() for _number in range(calls)]}).encode()
    webhook_id, now = uuid.uuid4().hex, str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-CallKeeper-Source": target.source,
        "webhook-id": webhook_id,
        "webhook-timestamp": now,
        "webhook-signature": sign(target.secret, webhook_id, now, body),
    }
    answer, text = _request(target, "POST", "/api/v1/calls", body, headers, keep=keep)
    if answer != 202:
        raise OSError(f"{answer} {text[:200]!r}")


def _record() -> dict[str, object]:
    begun = datetime.now(UTC) - timedelta(minutes=5)
    return {
        "universalId": f"slow-{uuid.uuid4().hex}",
        "callTime": int(begun.timestamp()),
        "clientNumber": "79161234567",
        "duration": 30,
        "site": "slow.example",
        "yaClid": "1700000000123456789",
        "statusFirst": 200,
        "statusSecond": 200,
    }


def _request(
    target: Target,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    keep: http.client.HTTPConnection | None = None,
) -> tuple[int, bytes]:
    connection = keep or http.client.HTTPConnection(
        target.host, target.port, timeout=ANSWER_SECONDS
    )
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        if keep is None:
            connection.close()


def throughput(target: Target, *, clients: int, calls: int, seconds: float) -> float:
    """Return the requests a second that ``clients`` connections get answered."""
    end = time.monotonic() + seconds

    def post_until_end(_number: int) -> int:
        connection = http.client.HTTPConnection(target.host, target.port, timeout=60)
        done = 0
        while time.monotonic() < end:
            post_calls(target, calls, keep=connection)
            done += 1
        return done

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        done = sum(pool.map(post_until_end, range(clients)))
    return done / (time.monotonic() - began)


def main() -> None:
    """Print one line per scenario."""
    options = _options()
    parts = urlsplit(options.url)
    target = Target(str(parts.hostname), int(parts.port or 80), options.source, options.secret)
    if options.throughput:
        single = throughput(target, clients=16, calls=1, seconds=options.seconds)
        print(f"16 connections, single calls: {single:.0f} requests a second", flush=True)
        bulk = throughput(target, clients=2, calls=500, seconds=options.seconds)
        print(f"2 connections, 500 calls each: {bulk * 500:.0f} calls a second", flush=True)
        return
    for count in options.count:
        for kind, head in target.heads().items():
            if count == 0 and kind != "silent":
                continue
            slow = SlowConnections(target, head, count)
            with slow.running():
                health = measure(lambda: get_health(target), REQUESTS, SCENARIO_SECONDS / 2)
                intake = measure(lambda: post_calls(target, 1), REQUESTS, SCENARIO_SECONDS / 2)
            print(f"{count} × {kind}: healthz {health}; calls {intake}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("source")
    parser.add_argument("secret")
    parser.add_argument("--count", type=int, nargs="+", default=[0, 40, 200])
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
