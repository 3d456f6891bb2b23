"""Read from an exception of ``requests`` how far the request had got."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError

# All of them happen before the first byte of a request.
BEFORE_SENDING = (
    requests.ConnectTimeout,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    ConnectTimeoutError,
    NewConnectionError,  # refused, unroutable, and NameResolutionError below it
    ssl.SSLCertVerificationError,
)


def never_left(error: requests.RequestException, *, body_started: bool | None) -> bool:
    """Tell whether Yandex certainly knows nothing of the request.

    A TLS failure in the handshake and one in the middle of a body raise the same exception;
    ``body_started`` (None when not known) distinguishes them.
    """
    if any(isinstance(cause, BEFORE_SENDING) for cause in _causes(error)):
        return True
    return isinstance(error, requests.exceptions.SSLError) and body_started is False


def was_dropped(error: requests.RequestException) -> bool:
    """Tell whether an open connection broke before the answer was complete; a timeout is not it."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return True
    is_timeout = isinstance(error, requests.Timeout) or any(
        isinstance(cause, TimeoutError) for cause in _causes(error)
    )
    return not is_timeout and any(
        isinstance(cause, (ProtocolError, ConnectionResetError, BrokenPipeError))
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an exception, what it wraps (urllib3 keeps it in ``reason`` or ``args``) and so on."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or any(found is known for known in seen):
            continue
        seen.append(found)
        yield found
        waiting += [getattr(found, "reason", None), *found.args]
