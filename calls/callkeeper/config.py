"""Where CallKeeper's API is, and how long to wait for it. Built outside: no settings are read."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from integrations.yandex.config import is_private

#: A thousand records are some 3 MB.
MAX_ANSWER_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True)
class ApiConfig:
    """The address of the API, and limits in seconds and bytes.

    ``read_timeout`` is that of one read; ``total_timeout`` that of a whole answer, which a server
    that sends byte after byte would delay for ever. Raises ``ValueError`` for plain http to
    anywhere but a private host: the key is a part of the address.
    """

    url: str
    connect_timeout: float = 5
    read_timeout: float = 60
    total_timeout: float = 120
    max_bytes: int = MAX_ANSWER_BYTES
    user_agent: str = "CallKeeper-Metrika/0.1 (+https://callkeeper.ru)"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_private(host))
        if not host or "@" in parts.netloc or not is_safe:
            raise ValueError("CALLKEEPER_API_URL is neither https nor of a private host")
