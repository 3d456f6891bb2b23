"""The start of a call: only an unambiguous time is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calls.ingest.parsing.call_time import read_start
from calls.ingest.parsing.fields import Unusable
from tests.calls.ingest.parsing.parsed import NOW, read, refuse

MOSCOW = ZoneInfo("Europe/Moscow")
NEW_YORK = ZoneInfo("America/New_York")


def start(value: Any, *, zone: ZoneInfo | None = None, now: datetime = NOW) -> datetime:
    return read_start({"callTime": value}, zone=zone, now=now)


@pytest.mark.parametrize(
    "value",
    [
        1_795_418_400,
        "1795418400",
        " 1795418400 ",
        1_795_418_400.0,
        "2026-11-23T07:20:00Z",
        "2026-11-23T10:20:00+03:00",
        "2026-11-23 10:20:00+0300",
        "2026-11-23T10:20+03",
    ],
)
@pytest.mark.parametrize("zone", [None, NEW_YORK])
def test_time_with_an_offset_ignores_the_zone(value: Any, zone: ZoneInfo | None) -> None:
    assert start(value, zone=zone) == datetime(2026, 11, 23, 7, 20, tzinfo=UTC)


def test_local_time_is_read_in_the_zone_of_the_source() -> None:
    assert start("2026-11-23 10:20:00", zone=MOSCOW) == datetime(2026, 11, 23, 7, 20, tzinfo=UTC)


@pytest.mark.contract("C1")
@pytest.mark.parametrize("value", ["2026-11-23 10:20:00", "2026-11-23T10:20:00.5"])
def test_local_time_without_a_zone_of_the_source_is_refused(value: str) -> None:
    with pytest.raises(Unusable) as refused:
        start(value)

    assert (refused.value.code, refused.value.field) == ("time_without_zone", "callTime")


def test_repeated_hour_is_read_as_the_first_one() -> None:
    assert start("2026-11-01 01:30:00", zone=NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.contract("C1")
def test_skipped_hour_is_read_with_the_offset_before_the_change() -> None:
    assert start("2026-03-08 02:30:00", zone=NEW_YORK) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


@pytest.mark.contract("C2")
@pytest.mark.parametrize(("ahead", "is_accepted"), [(299, True), (300, True), (301, False)])
def test_start_may_be_five_minutes_ahead(ahead: int, is_accepted: bool) -> None:
    moment = int(NOW.timestamp()) + ahead

    if is_accepted:
        assert int(start(moment).timestamp()) == moment
    else:
        with pytest.raises(Unusable) as refused:
            start(moment)
        assert refused.value.code == "starts_in_future"


@pytest.mark.parametrize("value", [None, "", "-", 0, "0"])
def test_missing_time_is_refused(value: Any) -> None:
    with pytest.raises(Unusable) as refused:
        start(value)

    assert refused.value.code == "missing_field"


@pytest.mark.parametrize(
    "value",
    [
        "вчера",
        "2026-11-23",
        "23.11.2026 10:20:00",
        "0000-00-00 00:00:00",
        "0001-01-01T00:00:00+14:00",
        "2026-02-30 10:00:00",
        "2026-11-23T10:20:00+99:00",
        "1999-12-31T23:59:59Z",
        "9" * 5000,
        20261123,
        -5,
        True,
        [1_795_418_400],
        {"at": 1},
    ],
)
def test_invalid_time_is_refused(value: Any) -> None:
    with pytest.raises(Unusable) as refused:
        start(value, zone=MOSCOW)

    assert (refused.value.code, refused.value.field) == ("bad_time", "callTime")


def test_other_date_fields_of_the_record_are_ignored() -> None:
    item = {
        "callTime": "2026-11-23 10:20:00",
        "localDate": "2026-11-23 18:20:00",
        "timezoneOffset": "+0020",
    }

    assert read_start(item, zone=MOSCOW, now=NOW) == datetime(2026, 11, 23, 7, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (1_795_418_400_000, 1000),
        ("1795418400000", 1000),
        (1_795_418_400_000.0, 1000),
        (1_795_418_400_000_000, 1_000_000),
        (10**18, 1_000_000_000),
    ],
)
def test_time_in_milliseconds_is_refused_by_that_name(value: Any, units: int) -> None:
    problem = refuse({"universalId": "7", "callTime": value})

    assert (problem.code, problem.field) == ("time_in_milliseconds", "callTime")
    assert problem.message == (
        f"Время {int(value)} — не секунды Unix: их сейчас десять цифр. Разделите на {units}."
    )


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("2026-11-23 18:20:00", "2026-11-23 15:20:00"),
        (1_795_449_600, "2026-11-23 16:00:00"),
    ],
)
def test_start_in_the_future_is_quoted(value: Any, begins: str) -> None:
    problem = refuse({"universalId": "7", "callTime": value})

    assert (problem.code, problem.field, problem.message) == (
        "starts_in_future",
        "callTime",
        f"Звонок начинается в будущем: callTime {value} — это {begins} UTC.",
    )


@pytest.mark.parametrize(
    "name", ["duration", "duration2_sec", "holdDuration", "waitTime", "duration_sec"]
)
@pytest.mark.parametrize("value", [86_401, "152000000"])
def test_call_longer_than_a_day_is_refused(name: str, value: Any) -> None:
    long_ago = int((NOW - timedelta(days=10)).timestamp())

    talk = {"duration2_sec": 0} if name == "duration_sec" else {}

    problem = refuse({"universalId": "7", "callTime": long_ago, name: value} | talk)

    assert (problem.code, problem.field) == ("too_long", name)
    assert problem.message == (
        f"Звонок не длится {value} с: нужны секунды, не больше 86400. Если это миллисекунды, "
        "разделите их на 1000."
    )


@pytest.mark.parametrize(("seconds", "is_taken"), [(3600, True), (3900, True), (3901, False)])
def test_call_that_is_not_over_yet_is_refused(seconds: int, is_taken: bool) -> None:
    item: dict[str, Any] = {
        "universalId": "7",
        "callTime": int((NOW - timedelta(hours=1)).timestamp()),
        "duration": seconds,
    }

    if is_taken:
        assert read(**item).duration_seconds == seconds
        return
    problem = refuse(item)
    assert (problem.code, problem.field, problem.message) == (
        "ends_in_future",
        "duration",
        "Звонок длиной 3901 с заканчивается в будущем. Если это миллисекунды, разделите их на "
        "1000.",
    )


def test_call_of_exactly_a_day_is_taken() -> None:
    two_days_ago = int((NOW - timedelta(days=2)).timestamp())

    assert read(callTime=two_days_ago, duration=86_400).duration_seconds == 86_400
