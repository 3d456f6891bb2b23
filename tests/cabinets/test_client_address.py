"""The client's IP address behind a proxy and without one."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from cabinets.client_address import client_address, limited_address, may_be_proxy

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


@pytest.mark.parametrize(
    ("proxy", "forwarded", "subject"),
    [
        (None, "", "192.0.2.1"),
        (None, "203.0.113.66", "192.0.2.1"),
        (PROXY_HEADER, "203.0.113.66", "203.0.113.66"),
        (PROXY_HEADER, "2001:db8::1:2:3", "2001:db8::/64"),
        (PROXY_HEADER, "::ffff:203.0.113.66", "203.0.113.66"),
        # The proxy names no client, or itself.
        (PROXY_HEADER, "", None),
        (PROXY_HEADER, "unknown", None),
        (PROXY_HEADER, "203.0.113.66, 192.0.2.1", None),
        (PROXY_HEADER, "127.0.0.1", None),
        (PROXY_HEADER, "::1", None),
    ],
)
def test_subject_of_limits_is_never_the_address_of_the_proxy(
    settings: Settings, proxy: tuple[str, str] | None, forwarded: str, subject: str | None
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = proxy
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1")
    if forwarded:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded

    assert limited_address(request) == subject


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.18.0.1", True),
        ("172.32.0.1", False),
        ("192.168.0.7", True),
        ("::/64", True),
        ("fd00::/64", True),
        ("203.0.113.66", False),
        ("2001:db8::/64", False),
        ("not-an-address", False),
    ],
)
def test_addresses_of_private_networks_may_be_a_proxy_if_none_is_named(
    settings: Settings, address: str, expected: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    assert may_be_proxy(address) is expected

    settings.SECURE_PROXY_SSL_HEADER = PROXY_HEADER
    assert may_be_proxy(address) is False
