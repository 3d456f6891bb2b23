"""The IP address of the client behind a request."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

#: A provider gives every IPv6 customer at least such a network: its addresses are one client.
IPV6_CLIENT_BITS = 64
#: This machine and private networks, without the networks of documentation.
PRIVATE_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::/64",  # ::1, as the network that stands for it
        "fc00::/7",
    )
]


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client, for records: the proxy's when it names no client.

    Behind our proxy it is the last entry of X-Forwarded-For, which the proxy appended; the
    browser may have made up every entry before it. Without a proxy, or when that entry is not an
    address, it is the peer's.
    """
    return _forwarded_address(request) or _peer(request)


def limited_address(request: HttpRequest) -> str | None:
    """Return the subject of limits per client address; None when the client is not known.

    It is not known behind a proxy that names no client, itself, or its own machine: a limit would
    then be shared by everybody. An IPv6 client is its network of 64 bits.
    """
    forwarded = _forwarded_address(request)
    if not _is_proxied():
        return _network(_peer(request))
    if forwarded is None or forwarded == _peer(request):
        return None
    return None if ipaddress.ip_address(forwarded).is_loopback else _network(forwarded)


def may_be_proxy(address: str) -> bool:
    """Return whether the subject of limits may be a proxy that the settings do not name.

    It may if it is of this machine or of a private network, and no proxy is named at all.
    """
    first = address.partition("/")[0]
    if _is_proxied() or not _is_address(first):
        return False
    one = ipaddress.ip_address(first)
    return any(one in network for network in PRIVATE_NETWORKS)


def _is_proxied() -> bool:
    return bool(settings.SECURE_PROXY_SSL_HEADER)


def _peer(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _forwarded_address(request: HttpRequest) -> str | None:
    """Return the client's address as our proxy names it; None without a proxy or a valid one."""
    if not _is_proxied():
        return None
    last = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rsplit(",", 1)[-1].strip()
    return last if _is_address(last) else None


def _network(text: str) -> str:
    if not _is_address(text):
        return text
    address = ipaddress.ip_address(text)
    if not isinstance(address, ipaddress.IPv6Address):
        return text
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_CLIENT_BITS), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
