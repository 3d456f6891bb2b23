"""The host of the cabinet, which belongs to an installation, and which hosts a copy may reach."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from integrations.yandex.config import is_private

LOOPBACK = "localhost"


def public_host() -> str:
    """Return the host name of PUBLIC_URL without a port; one name for this machine itself."""
    host = (urlsplit(settings.PUBLIC_URL).hostname or "").rstrip(".")
    if _is_loopback(host):
        return LOOPBACK
    try:
        # As browsers send it: names in Cyrillic are in Punycode.
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK or host.endswith(f".{LOOPBACK}")


def is_real(url: str) -> bool:
    """Whether a request to the address could reach Yandex: anything but a private host."""
    return not is_private(urlsplit(url).hostname or "")
