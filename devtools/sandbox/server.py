"""HTTP/1.1 server on the standard library, which can also cut a connection (ADR 0031)."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from . import front, scenarios
from .messages import ApiError, CutConnection, Request, Response
from .options import Options
from .world import World

logger = logging.getLogger("devtools.sandbox")

# https://yandex.com/dev/metrika/ru/faq: one gigabyte a file.
BODY_LIMIT = 1 << 30
# An unread body up to this size is read before the next request; a longer one ends the connection.
DRAIN_LIMIT = 8 << 20
# Closing with this sends RST, as a gateway that crashed would.
LINGER_OFF = struct.pack("ii", 1, 0)


class Body:
    """The part of a request that is not yet read from the socket."""

    def __init__(self, handler: Handler) -> None:
        self._file = handler.rfile
        self._chunked = "chunked" in (handler.headers.get("Transfer-Encoding") or "").lower()
        length = handler.headers.get("Content-Length") or "0"
        self.left = int(length) if length.isdigit() and not self._chunked else 0
        self.is_too_long = self.left > BODY_LIMIT

    def read(self, size: int | None) -> bytes:
        if self._chunked:
            return self._read_chunks()
        content = self._file.read(self.left if size is None else min(size, self.left))
        self.left -= len(content)
        if size is None and self.left:
            raise CutConnection
        return content

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self._file.readline(64).partition(b";")[0].strip() or b"0", 16):
            parts.append(self._file.read(size))
            self._file.readline(4)
        while self._file.readline(8192).strip():
            pass
        self._chunked = False
        return b"".join(parts)

    def drain(self) -> bool:
        """Read and discard the rest; False if it is too long."""
        if self._chunked or self.left > DRAIN_LIMIT:
            return False
        self._file.read(self.left)
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "YandexSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 75
    server: Server

    def _serve(self) -> None:
        body = Body(self)
        try:
            response = front.answer(self.server.world, self._request(body))
        except CutConnection:
            self._cut()
            return
        except Exception:
            logger.exception("%s failed", self.path.partition("?")[0])
            response = ApiError(503, "backend_error", "Internal error of the sandbox").response()
        if not body.drain():
            self.close_connection = True
        try:
            self._send(response)
        except CutConnection:
            self._cut()

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _request(self, body: Body) -> Request:
        if body.is_too_long:
            raise CutConnection
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=unquote(parts.path),
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            client_ip=str(self.client_address[0]),
            read_body=body.read,
        )

    def _send(self, response: Response) -> None:
        """Write head and body at once, so that a small response is one packet."""
        lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
        stream = response.stream
        length = {"Transfer-Encoding": "chunked"}
        if stream is None:
            length = {"Content-Length": str(len(response.body))}
        headers = response.headers | {
            **length,
            "Date": self.date_time_string(self.server.world.clock.now()),
            "Connection": "close" if self.close_connection else "keep-alive",
        }
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
        try:
            self.wfile.write(head + response.body)
            if stream is not None:
                self._send_pieces(stream)
        except OSError:
            # The client has gone; what was accepted stays accepted.
            self.close_connection = True

    def _send_pieces(self, stream: Iterator[bytes]) -> None:
        for piece in filter(None, stream):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        self.connection.close()

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: :mod:`.front` logs a line per request, without the query."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, options: Options, world: World) -> None:
        self.world = world
        super().__init__((options.host, options.port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection cut by either side is a normal event here."""
        logger.debug("connection ended early")


class RunningSandbox:
    """A sandbox that answers at ``url``; ``world`` is for tests in the same process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.world = World(options)
        if self.world.is_new:
            scenarios.load(self.world, options.scenario)
        self._server = Server(options, self.world)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host if isinstance(host, str) else host.decode()}:{port}"
        # `close` waits until it looks again, in every test that has a sandbox.
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop the server; state in a file is kept."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.world.store.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Policy Not Fulfilled" if status == 420 else "Unknown"
