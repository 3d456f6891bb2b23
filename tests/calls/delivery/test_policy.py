"""The policy of delivery as tables: every error, every status, every delay. No database."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.delivery.policy import (
    absence_is_proven,
    after_failure,
    after_status,
    backoff,
    lookup_spacing,
    next_poll,
)
from calls.states import Attention, UploadState
from integrations.limits.quota_reset import QuotaScope
from integrations.yandex.errors import (
    AccessDenied,
    NotFound,
    QuotaExceeded,
    RequestRejected,
    TokenRejected,
    UnexpectedAnswer,
    Unreachable,
    YandexError,
)

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 11, tzinfo=UTC)
LATER, UNCLEAR = UploadState.LATER, UploadState.UNCLEAR
SPLITTING, ATTENTION = UploadState.SPLITTING, UploadState.NEEDS_ATTENTION


def refusal(kind: type[YandexError], status: int | None = None, name: str = "") -> YandexError:
    return kind("said", http_status=status, error_type=name)


def step(error: YandexError, *, attempts: int = 1) -> Any:
    return after_failure(error, attempts=attempts, now=NOW, jitter=lambda: 1.0)


FAILURES: list[tuple[YandexError, UploadState, Attention | None]] = [
    # certainly not taken, sent again by itself
    (Unreachable("no route", may_have_arrived=False), LATER, None),
    (refusal(QuotaExceeded, 429, "quota_requests_by_ip"), LATER, None),
    (refusal(QuotaExceeded, 420, "quota_requests_by_uid"), LATER, None),
    (refusal(QuotaExceeded, 403, "quota_parallel_requests"), LATER, None),
    (refusal(TokenRejected, 401), LATER, None),
    (refusal(TokenRejected, 403, "invalid_token"), LATER, None),
    (refusal(AccessDenied, 403, "access_denied"), LATER, None),
    (refusal(NotFound, 404, "not_found"), LATER, None),
    # certainly not taken, because of the content of the file
    (refusal(RequestRejected, 400, "invalid_uploading"), SPLITTING, Attention.SPLIT),
    (refusal(RequestRejected, 413), SPLITTING, Attention.TOO_LARGE),
    # certainly not taken, because of a fault of ours
    (refusal(RequestRejected, 400, "invalid_parameter"), ATTENTION, Attention.REJECTED),
    (refusal(RequestRejected, 400), ATTENTION, Attention.REJECTED),
    (refusal(RequestRejected, 409, "conflict"), ATTENTION, Attention.REJECTED),
    # unknown whether it arrived
    (Unreachable("reset"), UNCLEAR, None),
    (refusal(Unreachable, 504), UNCLEAR, None),
    (refusal(UnexpectedAnswer, 200), UNCLEAR, None),
]


@pytest.mark.contract("B5", "B7")
@pytest.mark.parametrize(("error", "state", "attention"), FAILURES)
def test_next_step_after_each_failure(
    error: YandexError, state: UploadState, attention: Attention | None
) -> None:
    after = step(error)

    assert (after.state, after.attention) == (state, attention)


@pytest.mark.contract("B5", "B9")
@pytest.mark.parametrize("error", [error for error, _state, _why in FAILURES])
def test_a_file_that_may_have_arrived_becomes_unclear_after_any_error(error: YandexError) -> None:
    # a copy: all tests of this process share the table
    error = copy(error)
    error.may_have_arrived = True

    assert step(error).state == UNCLEAR
    assert step(error).attention is None


@pytest.mark.contract("B11")
@pytest.mark.parametrize("status", [420, 429, 403])
@pytest.mark.parametrize(
    ("name", "ends", "scope"),
    [
        ("quota_requests_by_uid", MIDNIGHT + timedelta(minutes=10), QuotaScope.LOGIN),
        ("quota_requests_by_counter_id", MIDNIGHT + timedelta(minutes=10), QuotaScope.COUNTER),
        ("quota_parallel_requests", NOW + timedelta(seconds=5), QuotaScope.LOGIN),
        ("quota_requests_by_ip", NOW + timedelta(seconds=30), QuotaScope.ALL_LOGINS),
        ("quota_of_tomorrow", NOW + timedelta(minutes=2), QuotaScope.LOGIN),
    ],
)
def test_each_spent_quota_pauses_its_scope(
    status: int, name: str, ends: datetime, scope: QuotaScope
) -> None:
    after = step(refusal(QuotaExceeded, status, name))

    assert (after.not_before, after.pauses) == (ends, scope)


@pytest.mark.contract("B12")
def test_the_backoff_doubles_up_to_an_hour() -> None:
    seconds = [backoff(attempts, lambda: 1.0).total_seconds() for attempts in (0, 1, 2, 3, 7, 8)]

    assert seconds == [30, 30, 60, 120, 1920, 3600]
    assert backoff(10_000, lambda: 1.0) == timedelta(hours=1)
    assert backoff(8, lambda: 0.0) == timedelta(0)


@pytest.mark.contract("B23")
@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PREPARED", UploadState.SENT),
        ("UPLOADED", UploadState.SENT),
        ("EXPORTED", UploadState.SENT),
        ("MATCHED", UploadState.SENT),
        ("PROCESSED", UploadState.PROCESSED),
        ("LINKAGE_FAILURE", UploadState.LINKAGE_FAILURE),
        ("NEW_STATUS", UploadState.SENT),
        ("", UploadState.SENT),
    ],
)
def test_only_two_statuses_of_metrika_are_final(status: str, state: UploadState) -> None:
    assert after_status(status, source_quantity=3, line_quantity=3, rows=3) == (state, None)


@pytest.mark.contract("B9")
@pytest.mark.parametrize(
    ("source", "lines", "attention"),
    [
        (3, 3, None),
        (3, 2, Attention.ROW_REFUSED),
        (2, 2, Attention.ROW_REFUSED),
        (None, None, None),
        (None, 0, Attention.ROW_REFUSED),
    ],
)
def test_other_counts_of_rows_than_sent_are_marked(
    source: int | None, lines: int | None, attention: Attention | None
) -> None:
    after = after_status("PROCESSED", source_quantity=source, line_quantity=lines, rows=3)

    assert after == (UploadState.PROCESSED, attention)


@pytest.mark.contract("B24")
def test_intervals_between_polls_grow() -> None:
    every = timedelta(minutes=10)
    minutes = [
        int((next_poll(polls=polls, now=NOW, every=every) - NOW).total_seconds() / 60)
        for polls in range(7)
    ]

    assert minutes == [10, 20, 30, 60, 120, 120, 120]


@pytest.mark.contract("B5", "B6")
@pytest.mark.parametrize(
    ("lookups", "seconds", "proven"),
    [(3, 900, True), (2, 900, False), (3, 899, False), (9, 0, False), (4, 5000, True)],
)
def test_absence_needs_three_listings_and_the_grace(
    lookups: int, seconds: int, proven: bool
) -> None:
    grace = timedelta(seconds=900)
    at = NOW + timedelta(seconds=seconds)

    found = absence_is_proven(lookups=lookups, sent_at=NOW, looked_up_at=at, grace=grace)

    assert found is proven
    assert lookup_spacing(grace) == timedelta(minutes=5)
