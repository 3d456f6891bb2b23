"""A client with sixteen kept connections that sends prepared requests as fast as they are answered.

It writes and reads bytes of sockets: the less the client costs, the more is left to the servers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from devtools.launcher.run_config import HOST

CONNECTIONS = 16
READ_BYTES = 65536
TIMEOUT_SECONDS = 30


class Refused(Exception):
    """A request was not accepted."""


def request(path: str, port: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST."""
    given = {"Host": f"{HOST}:8000", "Content-Type": "application/json", **headers}
    given["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def send_all(port: int, requests: Sequence[bytes]) -> list[float]:
    """Send the requests; return the seconds of each until its answer. Raises Refused."""
    left, taken = deque(requests), threading.Lock()
    seconds: list[float] = []

    def work() -> None:
        with socket.create_connection((HOST, port), timeout=TIMEOUT_SECONDS) as connection:
            while True:
                with taken:
                    if not left:
                        return
                    one = left.popleft()
                began = time.perf_counter()
                connection.sendall(one)
                _answer(connection)
                seconds.append(time.perf_counter() - began)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(work) for _ in range(CONNECTIONS)]:
            done.result()
    return seconds


def _answer(connection: socket.socket) -> None:
    read = b""
    while b"\r\n\r\n" not in read:
        read += _more(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += _more(connection)
    if not head.startswith(b"HTTP/1.1 2"):
        raise Refused(head.partition(b"\r\n")[0].decode() + " " + body[:300].decode())


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(READ_BYTES)
    if not piece:
        raise Refused("the connection was closed")
    return piece
