"""Where Yandex is and who we are to it. Built outside: this package reads no settings."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Names that cannot be in the public network; a sandbox has one of them.
PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".test")


@dataclass(frozen=True)
class YandexConfig:
    """Base URLs without a trailing slash, the application's identity, and timeouts in seconds.

    Raises ``ValueError`` for a base URL over plain http to anywhere but a private host: tokens
    travel to these addresses.
    """

    oauth_url: str
    login_url: str
    metrika_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    #: Each of these may be unticked by the person on the consent page.
    optional_scopes: tuple[str, ...] = ()
    connect_timeout: float = 5
    read_timeout: float = 60
    # Metrika answers an upload after it has stored the file; large files take their time.
    upload_read_timeout: float = 120
    user_agent: str = "CallKeeper-Metrika/0.1 (+https://callkeeper.ru)"

    def __post_init__(self) -> None:
        for url in self.base_urls:
            if not _is_acceptable(url):
                raise ValueError(f"Not an https address, nor a private host: {url}")

    @property
    def base_urls(self) -> tuple[str, str, str]:
        return (self.oauth_url, self.login_url, self.metrika_url)


def _is_acceptable(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_private(parts.hostname))


def is_private(host: str) -> bool:
    """Tell whether a host is on this machine or in its private network, judging by the name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(PRIVATE_SUFFIXES)
    return address.is_loopback or address.is_private
