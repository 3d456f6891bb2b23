"""Ids of visitors, clicks and orders: a table per rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.ingest.parsing.parsed import read


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("1718031415926535897", "1718031415926535897"),
        (1718031415926535897, "1718031415926535897"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", ""),
        (1718031415926535.0, "1718031415926535"),
        (2.0**53 - 1, "9007199254740991"),
        (2.0**53, ""),
        (1.718031415926535897e18, ""),
        (17180314.15, ""),
        (True, ""),
        ("17180314.15", ""),
        ("-17", ""),
        ("0", ""),
        ("१२३", ""),
        ("9" * 5000, ""),
    ],
)
def test_client_id_is_an_unsigned_number_or_nothing(given_id: Any, kept: str) -> None:
    call = read(yaClid=given_id)

    assert call.client_id == kept
    assert call.raw["yaClid"] == given_id


@pytest.mark.parametrize(
    ("fields", "yclid"),
    [
        ({"yclid": "77"}, "77"),
        ({"entryPointQuery": "https://a.example/?x=1&yclid=88#top"}, "88"),
        ({"callPage": "https://a.example/?yclid=99"}, "99"),
        ({"yclid": "77", "callPage": "https://a.example/?yclid=99"}, ""),
        ({"yclid": "abc", "callPage": "https://a.example/?yclid=99"}, "99"),
        ({"callPage": "https://a.example/?yclid=_openstat"}, ""),
        ({"callPage": "https://[::1/?yclid=99"}, "99"),
    ],
)
def test_yclid_comes_from_its_field_or_from_an_address(fields: dict[str, Any], yclid: str) -> None:
    assert read(**fields).yclid == yclid


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000, "1000"), (1000.0, "1000"), (1000.5, ""), (-3.0, "-3"), (True, "")],
)
def test_only_a_whole_number_becomes_a_text(value: Any, text: str) -> None:
    call = read(userId=value, campaignId=value, site=value, status=value)

    assert (call.user_id, call.campaign_id, call.site) == (text, text, text)
    assert call.raw["userId"] is value


def test_too_long_user_id_is_dropped_and_not_cut() -> None:
    assert read(user_id="u" * 255).user_id == "u" * 255
    assert read(userId="u" * 256).user_id == ""


@pytest.mark.parametrize(
    ("fields", "order"),
    [
        ({"cbCallId": 30, "cbAttempt": 1, "cbAttemptsQueue": []}, (30, 1, 30)),
        ({"cbCallId": 32, "cbAttempt": 3, "cbAttemptsQueue": [31, 30]}, (32, 3, 30)),
        ({"cbCallId": "32", "cbAttempt": "2", "cbAttemptsQueue": "30,31"}, (32, 2, 30)),
        ({"cbCallId": 0, "cbAttempt": 0, "cbAttemptsQueue": [31, "x", 0]}, (None, None, 31)),
        ({"cbCallId": 2**63}, (None, None, None)),
        ({"cbCallId": "1.2E+5"}, (None, None, None)),
        ({"cbCallId": 32.0, "cbAttemptsQueue": [31.0, 30.5, "29.5", True]}, (32, None, 31)),
        ({"cbCallId": 2.0**53 - 1, "cbAttemptsQueue": [2.0**60]}, (2**53 - 1, None, 2**53 - 1)),
        ({"cbCallId": 2.0**53, "cbAttemptsQueue": 31}, (None, None, 31)),
        ({}, (None, None, None)),
    ],
)
def test_attempts_of_one_order_share_their_lowest_id(
    fields: dict[str, Any], order: tuple[int | None, ...]
) -> None:
    call = read(serviceType="callback", **fields)

    assert (call.callback_id, call.attempt, call.order_key) == order
