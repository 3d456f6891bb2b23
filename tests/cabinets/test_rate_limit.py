"""The rate-limit primitive: what a bucket grants, and what happens without Redis."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pytest_django import Settings
from redis import Redis

from cabinets.rate_limit import PAUSE_SECONDS, Cost, RateLimit, consume, consume_each, give_back
from tests.rate_limits import enforce_rate_limits

NOW = 1_795_418_430.0
UNREACHABLE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    enforce_rate_limits(monkeypatch)


@pytest.fixture
def limit() -> RateLimit:
    """Ten units a minute, under a name that no other test has used."""
    return RateLimit(uuid.uuid4().hex, units=10, window_seconds=60)


@pytest.fixture
def lenient(limit: RateLimit) -> RateLimit:
    return replace(limit, may_overdraw=True)


def test_bucket_grants_its_units_and_then_refuses(limit: RateLimit) -> None:
    waits = [consume(limit, "subject", now=NOW + 0.001 * number) for number in range(12)]

    assert waits == [0] * 10 + [6, 6]


@pytest.mark.parametrize("units", [7, 20, 120, 60_000])
def test_rounding_neither_costs_nor_adds_a_unit(units: int) -> None:
    limit = RateLimit(uuid.uuid4().hex, units, window_seconds=600)
    assert consume(limit, "subject", units - 1, now=NOW + 0.1) == 0

    assert consume(limit, "subject", now=NOW + 0.1) == 0
    assert consume(limit, "subject", now=NOW + 0.1) > 0


@pytest.mark.parametrize(
    ("seconds", "granted"), [(5.9, 0), (6, 1), (12, 2), (59, 9), (60, 10), (600, 10)]
)
def test_bucket_refills_evenly_over_the_window(
    limit: RateLimit, seconds: float, granted: int
) -> None:
    assert consume(limit, "subject", 10, now=NOW) == 0

    waits = [consume(limit, "subject", now=NOW + seconds) for _number in range(12)]

    assert waits.count(0) == granted


def test_seconds_to_wait_are_enough_and_one_less_is_not(limit: RateLimit) -> None:
    consume(limit, "subject", 8, now=NOW)

    wait = consume(limit, "subject", 5, now=NOW)

    assert wait == 18
    assert consume(limit, "subject", 5, now=NOW + wait - 1) == 1
    assert consume(limit, "subject", 5, now=NOW + wait) == 0


def test_request_larger_than_the_bucket_is_never_granted(limit: RateLimit) -> None:
    assert [consume(limit, "subject", 11, now=NOW + one) for one in (0, 600)] == [6, 6]


def test_last_request_may_overdraw_the_bucket_and_the_next_waits_it_off(
    lenient: RateLimit,
) -> None:
    assert consume(lenient, "subject", 9, now=NOW) == 0
    assert consume(lenient, "subject", 25, now=NOW) == 0

    # 34 units are worked off in 204 seconds; after 144 of them the bucket holds something again.
    assert consume(lenient, "subject", now=NOW + 0.5) == 144
    assert consume(lenient, "subject", 500, now=NOW + 143.5) == 1
    assert consume(lenient, "subject", 500, now=NOW + 144.5) == 0


def test_refused_request_takes_nothing(lenient: RateLimit) -> None:
    consume(lenient, "subject", 20, now=NOW)

    waits = [consume(lenient, "subject", 500, now=NOW + 0.5) for _number in range(3)]
    assert waits == [60, 60, 60]


def test_request_for_no_unit_is_granted_and_takes_nothing(
    lenient: RateLimit, caplog: pytest.LogCaptureFixture
) -> None:
    assert consume(lenient, "subject", 0, now=NOW) == 0
    assert consume(lenient, "subject", 10, now=NOW) == 0
    assert consume(lenient, "subject", 0, now=NOW) == 1

    assert caplog.messages == []


def test_subjects_and_names_are_counted_apart(limit: RateLimit) -> None:
    other = RateLimit(f"{limit.name}:other", limit.units, limit.window_seconds)
    consume(limit, 1, 10, now=NOW)

    assert consume(limit, 1, now=NOW) == 6
    assert consume(limit, 2, now=NOW) == 0
    assert consume(other, 1, now=NOW) == 0


def test_several_buckets_are_asked_in_order_until_one_refuses(limit: RateLimit) -> None:
    wanted = [Cost(limit, "first", 5), Cost(limit, "second", 6), Cost(limit, "third", 5)]

    assert consume_each(wanted, now=NOW) == [0, 0, 0]
    assert consume_each(wanted, now=NOW) == [0, 12, 0]

    assert [consume(limit, one.subject, 5, now=NOW) for one in wanted] == [30, 6, 0]


def test_concurrent_requests_get_no_unit_more(limit: RateLimit) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _number: consume(limit, "subject", now=NOW), range(40)))

    assert waits.count(0) == 10


def test_key_expires_once_the_bucket_is_full_again(limit: RateLimit, settings: Settings) -> None:
    consume(limit, "subject", 5, now=NOW)

    with Redis.from_url(settings.REDIS_URL) as redis:
        assert 29 <= redis.ttl(f"rate:{limit.name}:subject") <= 31


def test_without_redis_everything_is_granted_and_one_warning_logged(
    limit: RateLimit, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = UNREACHABLE

    assert [consume(limit, "subject", 100, now=NOW) for _number in range(3)] == [0, 0, 0]
    assert caplog.messages == ["rate limits are off: Redis does not answer (ConnectionError)"]


def test_redis_is_asked_again_after_the_pause(
    limit: RateLimit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable, clock = settings.REDIS_URL, 1000.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    settings.REDIS_URL = UNREACHABLE
    consume(limit, "subject", now=NOW)
    settings.REDIS_URL = reachable

    clock += PAUSE_SECONDS - 0.1
    assert [consume(limit, "subject", 10, now=NOW) for _number in range(2)] == [0, 0]
    clock += 0.2
    assert [consume(limit, "subject", 10, now=NOW) for _number in range(2)] == [0, 60]


def test_units_that_are_given_back_can_be_taken_again(limit: RateLimit) -> None:
    assert consume(limit, "subject", 10, now=NOW) == 0

    give_back(limit, "subject", 2, now=NOW)

    assert [consume(limit, "subject", now=NOW) for _ in range(3)] == [0, 0, 6]


def test_bucket_never_holds_more_than_its_units(limit: RateLimit) -> None:
    consume(limit, "subject", now=NOW)

    give_back(limit, "subject", 5, now=NOW)
    give_back(limit, "untouched", 5, now=NOW)

    for subject in ("subject", "untouched"):
        assert [consume(limit, subject, now=NOW) for _ in range(11)] == [0] * 10 + [6]


def test_giving_back_without_redis_does_nothing(settings: Settings, limit: RateLimit) -> None:
    settings.REDIS_URL = UNREACHABLE

    give_back(limit, "subject", now=NOW)
