"""When a spent quota is reset: tables, no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from integrations.limits.quota_reset import capped_retry_after, day_of, next_midnight, quota_ends
from integrations.yandex.errors import QuotaExceeded

#: The hour and minute of 10 June at which the quota is found spent, and when it is reset.
HOURS = [
    # reset at 00:00 GMT
    ("12:00", "11 00:00"),
    ("20:59", "11 00:00"),
    ("23:59", "11 00:00"),
    ("01:30", "11 00:00"),
    # still spent right after 00:00 GMT: perhaps the day begins late
    ("00:00", "10 00:30"),
    ("00:29", "10 00:59"),
    # still spent after that: the day begins at midnight in Moscow
    ("00:30", "10 21:00"),
    ("01:29", "10 21:00"),
    # spent at that hour as well
    ("21:00", "11 00:00"),
]


def june(day_and_time: str) -> datetime:
    return datetime.strptime(f"2026-06-{day_and_time} +0000", "%Y-%m-%d %H:%M %z")


def spent(name: str = "quota_requests_by_uid", retry_after: float | None = None) -> QuotaExceeded:
    return QuotaExceeded("spent", http_status=429, error_type=name, retry_after=retry_after)


@pytest.mark.contract("B11")
@pytest.mark.parametrize("name", ["quota_requests_by_uid", "quota_requests_by_counter_id"])
@pytest.mark.parametrize(("now", "ends"), HOURS)
def test_day_quota_is_reset_at_midnight_gmt_or_else_in_moscow(
    name: str, now: str, ends: str
) -> None:
    at = june(f"10 {now}")

    assert quota_ends(spent(name), now=at, jitter=lambda: 0.0) == june(ends)
    assert quota_ends(spent(name), now=at, jitter=lambda: 1.0) == june(ends) + timedelta(minutes=10)


@pytest.mark.contract("C3")
@pytest.mark.parametrize(
    ("ahead", "now", "ends"),
    [
        # Metrika's day ends five minutes before ours does
        (5, "12:00", "10 23:55"),
        # at Metrika it is 00:02 already
        (5, "23:57", "11 00:27"),
        # our day is over, Metrika's has three minutes left
        (-5, "00:02", "10 00:05"),
        (-5, "12:00", "11 00:05"),
    ],
)
def test_day_quota_follows_metrikas_clock(ahead: int, now: str, ends: str) -> None:
    until = quota_ends(
        spent(), now=june(f"10 {now}"), ahead=timedelta(minutes=ahead), jitter=lambda: 0.0
    )

    assert until == june(ends)


@pytest.mark.contract("B11")
@pytest.mark.parametrize(
    ("name", "retry_after", "least", "most"),
    [
        ("quota_parallel_requests", None, 1, 5),
        ("quota_requests_by_ip", None, 1, 30),
        ("quota_of_tomorrow", None, 60, 120),
        ("quota_parallel_requests", 9, 9, 9),
        ("quota_requests_by_ip", 7, 7, 30),
    ],
)
def test_short_quotas_are_reset_within_seconds_and_not_before_retry_after(
    name: str, retry_after: float | None, least: int, most: int
) -> None:
    now = june("10 12:00")

    def seconds(jitter: float) -> float:
        until = quota_ends(spent(name, retry_after), now=now, jitter=lambda: jitter)
        return (until - now).total_seconds()

    assert (seconds(0.0), seconds(1.0)) == (least, most)


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, 0), (-5, 0), (30, 30), (3600, 3600), (86400, 3600)]
)
def test_retry_after_is_capped_at_an_hour(retry_after: float | None, seconds: int) -> None:
    assert capped_retry_after(retry_after) == timedelta(seconds=seconds)


def test_day_is_counted_in_gmt() -> None:
    moscow = datetime.fromisoformat("2026-06-11T02:30:00+03:00")

    assert day_of(moscow) == date(2026, 6, 10)
    assert next_midnight(moscow) == datetime(2026, 6, 11, tzinfo=UTC)
