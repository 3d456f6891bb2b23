"""Sockets that end at a moment, however slowly the other side sends.

A timeout of `requests` is for each read: who sends a byte now and then keeps a request for ever.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from typing import Any


class _Ending(socket.socket):
    """Before each step its timeout is cut to what is left until ``ends_at``, a monotonic time."""

    ends_at = math.inf

    def connect(self, address: Any) -> None:
        """Connect. Raises TimeoutError."""
        self._cut()
        super().connect(address)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """Send some bytes; TLS sends everything by it. Raises TimeoutError."""
        self._cut()
        return super().send(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send the bytes. Raises TimeoutError."""
        self._cut()
        super().sendall(*args, **kwargs)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read some bytes: `http.client` reads headers and body by it. Raises TimeoutError."""
        self._cut()
        return super().recv_into(*args, **kwargs)

    def _cut(self) -> None:
        self.settimeout(cut(self.gettimeout(), self.ends_at))


class EndingSocket(_Ending):
    """A TCP socket."""


class EndingTlsSocket(_Ending, ssl.SSLSocket):
    """A socket with TLS; for `ssl.SSLContext.sslsocket_class`.

    The handshake takes at most the timeout of the socket that is wrapped, all its reads together.
    """


def cut(timeout: float | None, ends_at: float) -> float | None:
    """Return the timeout of a step that has to be over by then. Raises TimeoutError."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time of the request is over")
    if left == math.inf:
        return timeout
    return left if timeout is None else min(timeout, left)
