"""The `Date` header: an HTTP-date of RFC 9110, always GMT, or no time at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from integrations.yandex.answer import Answer
from tests.paths import PAYLOADS

SENT = datetime(2026, 11, 27, 23, 50, 40, tzinfo=UTC)
RECORDS = json.loads((PAYLOADS / "reports" / "records.json").read_text(encoding="utf-8"))
#: The headers of public reports, as they came.
REPORTED = [header.removeprefix("Date: ") for header in RECORDS["answers"]]
DATE = "Fri, 27 Nov 2026 23:50:40 GMT"
OTHER = [
    f"{DATE},{DATE}",
    f"{DATE}; {DATE}",
    f"{DATE}, Fri, 27 Nov 2026 20:50:40 GMT",
    "Fri, 27 Nov 2026 23:50:40 +0300",
    "Fri, 27 Nov 2026 23:50:40 -0000",
    "Fri, 27 Nov 2026 23:50:40 MSK",
    "Fri, 27 Nov 2026 23:50:40 UTC",
    "Fri, 27 Nov 2026 23:50:40 gmt",
    "Fri, 27 Nov 2026 23:50 GMT",
    "Fri, 27 Nov 26 23:50:40 GMT",
    "Friday, 27-Nov-26 23:50:40 GMT",
    "Fri Nov 27 23:50:40 2026",
    "27 Nov 2026 23:50:40 GMT",
    "Пт, 27 ноя 2026 23:50:40 GMT",
    "Fri, 31 Nov 2026 23:50:40 GMT",
    "Fri, 27 Foo 2026 23:50:40 GMT",
    "Fri, 27 Nov 2026 24:50:40 GMT",
    "Fri, 27 Nov 2026 23:50:60 GMT",
    "Fri, 27 Nov 0000 23:50:40 GMT",
    "2026-11-27T23:50:40Z",
    "1795823440",
    "٢٧",
    "-1",
    "",
]


@pytest.mark.parametrize("header", [DATE, f"  {DATE} "])
def test_an_http_date_is_read_as_gmt(header: str) -> None:
    assert Answer(200, b"", {"Date": header}).sent_at == SENT


@pytest.mark.contract("C3")
@pytest.mark.parametrize("header", [*REPORTED, *OTHER])
def test_anything_else_is_no_time_at_all(header: str) -> None:
    assert Answer(200, b"", {"Date": header}).sent_at is None


def test_no_header_is_no_time() -> None:
    assert Answer(200, b"").sent_at is None


def test_a_retry_after_without_zone_is_no_pause() -> None:
    headers = {"Retry-After": "Fri, 27 Nov 2026 23:50:40", "Date": DATE}

    assert Answer(429, b"", headers).retry_after is None


@pytest.mark.parametrize("date", [*REPORTED, f"{DATE}, {DATE}"])
def test_a_retry_after_beside_an_unreadable_date_is_counted_from_our_clock(date: str) -> None:
    with time_machine.travel(SENT - timedelta(seconds=30), tick=False):
        assert Answer(429, b"", {"Retry-After": DATE, "Date": date}).retry_after == 30
