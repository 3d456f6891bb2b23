"""The client's IP address behind a proxy and without one."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from cabinets.client_address import client_address

PROXY_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize(
    ("proxy", "forwarded", "address"),
    [
        (None, "", "192.0.2.1"),
        (None, "203.0.113.66", "192.0.2.1"),
        (PROXY_HEADER, "", "192.0.2.1"),
        (PROXY_HEADER, "203.0.113.66", "203.0.113.66"),
        (PROXY_HEADER, "198.51.100.7, 203.0.113.66", "203.0.113.66"),
        (PROXY_HEADER, "2001:db8::1", "2001:db8::1"),
        (PROXY_HEADER, "203.0.113.66, unknown", "192.0.2.1"),
        (PROXY_HEADER, "203.0.113.66,", "192.0.2.1"),
    ],
)
def test_last_entry_of_the_proxy_header_is_used(
    settings: Settings, proxy: tuple[str, str] | None, forwarded: str, address: str
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = proxy
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1")
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded

    assert client_address(request) == address
