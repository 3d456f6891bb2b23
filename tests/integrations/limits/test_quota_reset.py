"""When a spent quota is back: tables, no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from integrations.limits.quota_reset import advised, day_of, next_midnight, quota_ends
from integrations.yandex.errors import QuotaExceeded

#: One in the middle of a day, given as the hour and minute of 10 June.
HOURS = [
    # spent: back at 00:00 GMT
    ("12:00", "11 00:00"),
    ("20:59", "11 00:00"),
    ("23:59", "11 00:00"),
    ("01:30", "11 00:00"),
    # still spent right after 00:00 GMT: perhaps the day begins late
    ("00:00", "10 00:30"),
    ("00:29", "10 00:59"),
    # still spent after that: it begins at midnight in Moscow
    ("00:30", "10 21:00"),
    ("01:29", "10 21:00"),
    # and when it is not back by then either
    ("21:00", "11 00:00"),
]


def june(day_and_time: str) -> datetime:
    return datetime.strptime(f"2026-06-{day_and_time} +0000", "%Y-%m-%d %H:%M %z")


def spent(name: str = "quota_requests_by_uid", retry_after: float | None = None) -> QuotaExceeded:
    return QuotaExceeded("said", http_status=429, error_type=name, retry_after=retry_after)


@pytest.mark.contract("B11")
@pytest.mark.parametrize("name", ["quota_requests_by_uid", "quota_requests_by_counter_id"])
@pytest.mark.parametrize(("now", "ends"), HOURS)
def test_spent_day_is_back_at_greenwich_midnight_or_else_at_moscows(
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
        # there it is 00:02 already
        (5, "23:57", "11 00:27"),
        # ours is over, theirs goes on for three minutes
        (-5, "00:02", "10 00:05"),
        (-5, "12:00", "11 00:05"),
    ],
)
def test_day_that_counts_is_metrikas(ahead: int, now: str, ends: str) -> None:
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
def test_short_quotas_are_back_in_seconds_but_not_before_the_server_says(
    name: str, retry_after: float | None, least: int, most: int
) -> None:
    now = june("10 12:00")

    def seconds(jitter: float) -> float:
        until = quota_ends(spent(name, retry_after), now=now, jitter=lambda: jitter)
        return (until - now).total_seconds()

    assert (seconds(0.0), seconds(1.0)) == (least, most)


@pytest.mark.parametrize(
    ("said", "seconds"), [(None, 0), (-5, 0), (30, 30), (3600, 3600), (86400, 3600)]
)
def test_advice_is_followed_within_reason(said: float | None, seconds: int) -> None:
    assert advised(said) == timedelta(seconds=seconds)


def test_a_day_is_counted_in_greenwich() -> None:
    moscow = datetime.fromisoformat("2026-06-11T02:30:00+03:00")

    assert day_of(moscow) == date(2026, 6, 10)
    assert next_midnight(moscow) == datetime(2026, 6, 11, tzinfo=UTC)
