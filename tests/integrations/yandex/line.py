"""A socket server that plays one script per connection, as a test writes it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]


class Line:
    """Plays one script per accepted connection and counts them."""

    def __init__(self, scripts: list[Script]) -> None:
        self.accepted = 0
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        for script in self._scripts:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self.accepted += 1
                with connection:
                    script(connection)

    def close(self) -> None:
        # Wakes an accept that is still waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextlib.contextmanager
def line(*scripts: Script) -> Iterator[Line]:
    server = Line(list(scripts))
    try:
        yield server
    finally:
        server.close()


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            break
        head += piece
    return head


def answers(body: bytes, *, length: int | None = None) -> Script:
    """Answer with a body, under a length of its own when one is given."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        size = len(body) if length is None else length
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)

    return script


def hangs_up(connection: socket.socket) -> None:
    """Close the connection after the request's head, with a reset."""
    read_head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stays_silent(connection: socket.socket) -> None:
    """Read everything and answer nothing until the client closes the connection."""
    while connection.recv(65536):
        pass
