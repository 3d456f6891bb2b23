"""The IP address of the client behind a request."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the IP address by which attempts to sign in and to link are counted.

    Behind our proxy it is the last entry of X-Forwarded-For, which the proxy appended; the
    browser may have made up every entry before it. Without a proxy, or when that entry is not an
    address, it is the peer's.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    is_proxied = bool(settings.SECURE_PROXY_SSL_HEADER)
    last = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip()
    return last if is_proxied and _is_address(last) else peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
