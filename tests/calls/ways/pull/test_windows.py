from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from calls.callkeeper.errors import TooManyRequests, Unreachable
from calls.models import PullSource
from calls.ways.pull.pauses import after_failure
from calls.ways.pull.windows import Window, next_window
from tests.calls.ways.pull.conftest import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - 30 * DAY


@pytest.mark.parametrize(
    ("pull_from", "pulled_until", "reread_at", "expected"),
    [
        # Regular, and with the recent days once an hour.
        (LONG_AGO, NOW - HOUR, NOW - HOUR / 2, Window(NOW - 3 * HOUR, NOW, False)),
        (LONG_AGO, NOW - HOUR, NOW - HOUR, Window(NOW - 3 * DAY, NOW, True)),
        # Behind: a day at most, and nothing is read again before the end is reached.
        (LONG_AGO, NOW - 5 * DAY, None, Window(NOW - 5 * DAY - 2 * HOUR, NOW - 4 * DAY, False)),
        (LONG_AGO, NOW - 25 * HOUR, NOW, Window(NOW - 27 * HOUR, NOW, False)),
        # The first one; never from before its beginning.
        (NOW - DAY, NOW - DAY, None, Window(NOW - DAY, NOW, True)),
        # The clock went back.
        (LONG_AGO, NOW + DAY, NOW, Window(NOW - 2 * HOUR, NOW, False)),
        (NOW + DAY, NOW + DAY, None, Window(NOW, NOW, True)),
    ],
)
def test_window_begins_before_the_watermark_and_ends_a_day_after_it_or_now(
    pull_from: datetime, pulled_until: datetime, reread_at: datetime | None, expected: Window
) -> None:
    pull = PullSource(pull_from=pull_from, pulled_until=pulled_until, reread_at=reread_at)

    assert next_window(pull, NOW) == expected


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 60), (0, 60), (1800, 1800), (10**9, DAY.total_seconds())]
)
def test_wait_after_429_is_what_was_asked_from_a_minute_to_a_day(
    asked: float | None, seconds: float
) -> None:
    wait = after_failure(1, TooManyRequests(retry_after=asked)).total_seconds()

    assert seconds <= wait <= seconds * (1.25 if asked is None else 1)


def test_wait_does_not_grow_beyond_an_hour() -> None:
    assert 60 <= after_failure(1000, Unreachable()).total_seconds() / 60 <= 75
