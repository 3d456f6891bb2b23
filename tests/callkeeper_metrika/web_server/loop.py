"""The web server in this process: a test turns its loop, does its tasks, and moves its clock."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from waitress import wasyncore

from callkeeper_metrika.web_server.parser import BoundedParser
from callkeeper_metrika.web_server.server import BufferedTcpServer
from callkeeper_metrika.web_server.worker import adjustments

Environ = dict[str, Any]


@dataclass
class Dispatcher:
    """Keeps what would be done by threads until the test runs it."""

    tasks: list[Any] = field(default_factory=list)

    def add_task(self, task: Any) -> None:
        self.tasks.append(task)


class Loop:
    """One server with its connections and a clock of its own."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        connections: int = 100,
        refuses: Callable[[str, Any], bool] = lambda _path, _headers: False,
        body: bytes = b"ok",
    ) -> None:
        self.now = 1000.0
        for module in ("channel", "server"):
            clock = SimpleNamespace(monotonic=lambda: self.now)
            monkeypatch.setattr(f"callkeeper_metrika.web_server.{module}.time", clock)
        self.map: dict[int, Any] = {}
        self.requests: list[Environ] = []
        self.body = body
        self.dispatcher = Dispatcher()
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.server = BufferedTcpServer(
            self._respond,
            self.map,
            _sock=listener,
            dispatcher=self.dispatcher,
            adj=adjustments(64, connections),
            sockinfo=(listener.family, listener.type, listener.proto, self.address),
            bind_socket=False,
        )

        class Parser(BoundedParser):
            max_body_bytes = 5 * 1024 * 1024
            refuses_head = staticmethod(refuses)

        self.server.parser_class = Parser
        self.clients: list[socket.socket] = []

    def _respond(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            given = environ["wsgi.input"].read()
        except OSError:
            given = None
        self.requests.append(environ | {"body": given})
        headers = [("Content-Length", str(len(self.body))), ("Content-Type", "text/plain")]
        start_response("200 OK", headers)
        return [self.body]

    def connect(self, data: bytes = b"", *, source: str = "127.0.0.1") -> socket.socket:
        """Return a client that has sent ``data``, all of which the loop has read."""
        client = socket.create_connection(self.address, source_address=(source, 0))
        client.settimeout(5)
        self.clients.append(client)
        self.turn()
        self.send(client, data)
        return client

    def send(self, client: socket.socket, data: bytes) -> None:
        for start in range(0, len(data), 32 * 1024):
            client.sendall(data[start : start + 32 * 1024])
            self.turn()

    def turn(self) -> None:
        """Handle all that has happened on the sockets."""
        for _number in range(6):
            wasyncore.poll2(0, self.map)

    def work(self) -> None:
        """Do what threads would do."""
        while self.dispatcher.tasks:
            self.dispatcher.tasks.pop(0).service()
        self.turn()

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, with maintenance at their end."""
        self.now += seconds
        self.server.maintenance(0)
        self.turn()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        wasyncore.close_all(self.map)


def answer(client: socket.socket) -> tuple[int, str, bytes]:
    """Return status, head and body of what the server sent until it closed or paused."""
    received = b""
    client.settimeout(0.2)
    try:
        while more := client.recv(1 << 20):
            received += more
    except (TimeoutError, ConnectionResetError):
        pass
    head, _end, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]) if head else 0, head.decode(), body


def is_closed(client: socket.socket) -> bool:
    """Whether the server has closed the connection without sending anything more."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def error_code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])
