"""The system checks of the settings of delivery."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from calls.checks import check_callkeeper_address, check_kept_months, check_unclear_grace


@pytest.mark.contract("B6")
@pytest.mark.parametrize(("grace", "found"), [(305, ["calls.E001"]), (306, []), (900, [])])
def test_grace_must_exceed_the_longest_upload(
    settings: Settings, grace: int, found: list[str]
) -> None:
    # margin, connection, body, answer: 60 + 5 + 120 + 120
    settings.LEASE_MARGIN_SECONDS, settings.CONNECT_TIMEOUT_SECONDS = 60, 5
    settings.UPLOAD_READ_TIMEOUT_SECONDS, settings.UNCLEAR_GRACE_SECONDS = 120, grace

    assert [one.id for one in check_unclear_grace()] == found


@pytest.mark.parametrize(("months", "found"), [(0, []), (2, ["calls.E002"]), (3, [])])
def test_months_that_may_still_be_sent_are_kept(
    settings: Settings, months: int, found: list[str]
) -> None:
    settings.KEEP_MONTHS = months

    assert [one.id for one in check_kept_months()] == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://ckct.ru/api/", []),
        ("http://127.0.0.1:8001/api/", []),
        ("http://ckct.ru/api/", ["calls.E003"]),
    ],
)
def test_key_of_callkeeper_does_not_travel_in_plain_text(
    settings: Settings, address: str, found: list[str]
) -> None:
    settings.CALLKEEPER_API_URL = address

    assert [one.id for one in check_callkeeper_address()] == found
