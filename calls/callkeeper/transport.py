"""One GET to CallKeeper: with timeouts, without redirects, the size of the answer limited.

The key is in the address, and the exceptions of ``requests`` quote addresses: none of them is kept
as the cause or the context of ours.
"""

from __future__ import annotations

import contextlib
import time
from urllib.parse import urlsplit

import requests

from calls.callkeeper.config import ApiConfig
from calls.callkeeper.errors import CallKeeperError, UnexpectedAnswer, Unreachable
from integrations.yandex.answer import Answer

READ_BYTES = 64 * 1024


class Transport:
    """One session of ``requests``; returns whatever came. Judging it is for the client."""

    def __init__(self, config: ApiConfig) -> None:
        self._config = config
        self._session = requests.Session()
        self._session.headers["User-Agent"] = config.user_agent
        self._session.headers["Accept"] = "application/json"
        # Proxies of the environment are ignored for plain http: a stand-in is local.
        self._session.trust_env = urlsplit(config.url).scheme == "https"

    def get(self, query: str) -> Answer:
        """Raises Unreachable, and UnexpectedAnswer for a redirect or a too large answer."""
        outcome = self._try_get(query)
        if isinstance(outcome, CallKeeperError):
            raise outcome
        return outcome

    def close(self) -> None:
        self._session.close()

    def _try_get(self, query: str) -> Answer | CallKeeperError:
        """Return the answer or the error: raised here, it would keep that of ``requests``."""
        deadline = time.monotonic() + self._config.total_timeout
        try:
            response = self._session.get(
                f"{self._config.url}?{query}",
                timeout=(self._config.connect_timeout, self._config.read_timeout),
                allow_redirects=False,
                stream=True,
                auth=_without_netrc,
            )
            with contextlib.closing(response):
                return self._read(response, deadline)
        except requests.RequestException as problem:
            return Unreachable(f"CallKeeper's API: {type(problem).__name__}")

    def _read(self, response: requests.Response, deadline: float) -> Answer | CallKeeperError:
        status = response.status_code
        if response.is_redirect:
            return UnexpectedAnswer("CallKeeper's API: a redirect", http_status=status)
        content = bytearray()
        for piece in response.iter_content(READ_BYTES):
            content += piece
            if len(content) > self._config.max_bytes:
                most = self._config.max_bytes
                return UnexpectedAnswer(f"CallKeeper's API: over {most} bytes", http_status=status)
            if time.monotonic() > deadline:
                return Unreachable("CallKeeper's API: too slow", http_status=status)
        return Answer(status, bytes(content), response.headers)


def _without_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from adding credentials of a ``.netrc`` to the request."""
    return request
