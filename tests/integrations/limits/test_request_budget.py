"""The request budget of a Yandex login: kept in rows, never above what Yandex allows."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from integrations.limits import pauses, request_budget
from integrations.limits.request_budget import BudgetSpent, Kind
from integrations.models import RequestDay, RequestSlot
from integrations.yandex.errors import QuotaExceeded, RequestRejected, Unreachable

UID = "1100000001"
NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def held() -> int:
    return RequestSlot.objects.filter(yandex_uid=UID, held_until__gt=timezone.now()).count()


@pytest.mark.contract("B14")
def test_fourth_parallel_request_is_refused(db: None) -> None:
    for _number in range(3):
        request_budget.acquire(UID, Kind.OTHER)

    with pytest.raises(BudgetSpent) as refusal:
        request_budget.acquire(UID, Kind.OTHER)

    assert refusal.value.reason == "parallel"
    assert RequestDay.objects.get().other == 3
    assert request_budget.acquire("1100000002", Kind.OTHER).yandex_uid == "1100000002"


@pytest.mark.contract("B14")
def test_ten_threads_get_three_slots(transactional_db: None) -> None:
    outcomes: list[str] = []

    def acquire() -> None:
        try:
            request_budget.acquire(UID, Kind.OTHER)
            outcomes.append("acquired")
        except BudgetSpent as refusal:
            outcomes.append(refusal.reason)
        finally:
            connection.close()

    threads = [threading.Thread(target=acquire) for _number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert outcomes.count("acquired") == 3
    assert outcomes.count("parallel") == 7


@pytest.mark.contract("B14")
def test_slot_is_kept_when_the_request_may_still_run(db: None) -> None:
    lost = Unreachable("no answer", may_have_arrived=True)
    with pytest.raises(Unreachable):
        send_and_fail(lost)
    assert held() == 1

    refused = RequestRejected("no", http_status=400)
    with pytest.raises(RequestRejected):
        send_and_fail(refused)
    assert held() == 1

    with pytest.raises(SoftTimeLimitExceeded):
        send_and_fail(SoftTimeLimitExceeded())
    assert held() == 2


def send_and_fail(error: Exception) -> None:
    with request_budget.request(UID, Kind.UPLOAD) as lease:
        lease.before_request()
        raise error


@pytest.mark.parametrize("error", [OSError(28, "no space"), Unreachable("stopped too long")])
def test_request_that_was_not_sent_costs_neither_slot_nor_day(db: None, error: Exception) -> None:
    with pytest.raises(type(error)), request_budget.request(UID, Kind.UPLOAD):
        raise error

    assert held() == 0
    assert RequestDay.objects.get().uploads == 0


def test_our_error_after_the_request_was_sent_frees_the_slot_and_keeps_the_charge(
    db: None,
) -> None:
    with pytest.raises(OSError, match="no space"):
        send_and_fail(OSError(28, "no space"))

    assert (held(), RequestDay.objects.get().uploads) == (0, 1)


@pytest.mark.contract("B16")
def test_every_page_of_a_list_is_charged_and_extends_the_lease(
    db: None, settings: Settings
) -> None:
    settings.READ_TIMEOUT_SECONDS, settings.CONNECT_TIMEOUT_SECONDS = 60, 5
    settings.LEASE_MARGIN_SECONDS, settings.METRIKA_DAILY_REQUESTS = 60, 15
    with (
        time_machine.travel(NOON, tick=False) as clock,
        request_budget.request(UID, Kind.POLL) as lease,
    ):
        for _page in range(3):
            lease.before_request()
            until = RequestSlot.objects.get(holder=lease.holder).held_until
            assert until == timezone.now() + timedelta(seconds=125)
            clock.shift(timedelta(seconds=100))
        with pytest.raises(BudgetSpent) as spent:
            lease.before_request()

    assert (spent.value.reason, lease.requests) == ("day", 3)
    assert RequestDay.objects.get().polls == 3


@pytest.mark.contract("B11")
def test_quota_of_a_counter_pauses_that_counter_only(db: None) -> None:
    error = QuotaExceeded("no", http_status=429, error_type="quota_requests_by_counter_id")
    with time_machine.travel(NOON, tick=False):
        pauses.apply_quota_error(UID, error, now=NOON, counter=91234567)

        with pytest.raises(BudgetSpent) as spent:
            request_budget.acquire(UID, Kind.UPLOAD, counter=91234567)
        assert spent.value.reason == request_budget.COUNTER_PAUSED
        assert NOON + timedelta(hours=12) <= spent.value.retry_at
        assert request_budget.acquire(UID, Kind.UPLOAD, counter=91234568).yandex_uid == UID
        assert request_budget.acquire(UID, Kind.OTHER).yandex_uid == UID


@pytest.mark.contract("B14")
def test_lease_expires(db: None, settings: Settings) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _number in range(3):
            request_budget.acquire(UID, Kind.OTHER)
        length = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
        clock.shift(timedelta(seconds=length + settings.LEASE_MARGIN_SECONDS))
        with pytest.raises(BudgetSpent):
            request_budget.acquire(UID, Kind.OTHER)

        clock.shift(timedelta(seconds=1))
        assert request_budget.acquire(UID, Kind.OTHER).yandex_uid == UID


@pytest.mark.contract("B15")
def test_limit_per_second_is_shared_by_all_logins(db: None, settings: Settings) -> None:
    settings.METRIKA_REQUESTS_PER_SECOND = 10
    with time_machine.travel(NOON, tick=False) as clock:
        request_budget.acquire("1", Kind.OTHER)
        request_budget.acquire("2", Kind.OTHER)
        with pytest.raises(BudgetSpent) as refusal:
            request_budget.acquire("3", Kind.OTHER)
        assert (refusal.value.reason, refusal.value.retry_at) == (
            "second",
            NOON + timedelta(seconds=0.2),
        )

        clock.shift(timedelta(seconds=0.2))
        assert request_budget.acquire("3", Kind.OTHER).yandex_uid == "3"


@pytest.mark.contract("B15")
def test_no_sliding_second_holds_more_than_yandex_allows(db: None) -> None:
    taken: list[datetime] = []
    with time_machine.travel(NOON, tick=False) as clock:
        for step in range(300):
            with suppress(BudgetSpent):
                request_budget.release(request_budget.acquire(str(step), Kind.OTHER))
                taken.append(timezone.now())
            clock.shift(timedelta(seconds=0.01))

    second = timedelta(seconds=1)
    fullest = max(sum(one <= other < one + second for other in taken) for one in taken)
    assert fullest <= 30
    assert len(taken) == 75


@pytest.mark.contract("B16")
@pytest.mark.parametrize(
    ("kind", "allowed"), [(Kind.UPLOAD, 7), (Kind.POLL, 2), (Kind.LOOKUP, 10), (Kind.OTHER, 2)]
)
def test_each_kind_has_its_share_of_the_day(
    db: None, settings: Settings, kind: Kind, allowed: int
) -> None:
    settings.METRIKA_DAILY_REQUESTS, settings.METRIKA_REQUESTS_PER_SECOND = 10, 1000
    with time_machine.travel(NOON, tick=False):
        for _number in range(allowed):
            request_budget.release(request_budget.acquire(UID, kind))

        with pytest.raises(BudgetSpent) as refusal:
            request_budget.acquire(UID, kind)

    assert (refusal.value.reason, refusal.value.retry_at.isoformat()) == (
        "day",
        "2026-06-11T00:00:00+00:00",
    )


@pytest.mark.contract("B11")
def test_pause_is_never_shortened_and_reaches_past_midnight(db: None) -> None:
    late = NOON.replace(hour=23, minute=59)
    with time_machine.travel(late, tick=False) as clock:
        pauses.pause(UID, until=late + timedelta(minutes=11), reason="quota_requests_by_uid")
        pauses.pause(UID, until=late + timedelta(seconds=2), reason="quota_parallel_requests")

        clock.shift(timedelta(minutes=10, seconds=59))
        with pytest.raises(BudgetSpent) as refusal:
            request_budget.acquire(UID, Kind.UPLOAD)
        assert refusal.value.reason == "paused"

        clock.shift(timedelta(seconds=1))
        assert request_budget.acquire(UID, Kind.UPLOAD).yandex_uid == UID


@pytest.mark.contract("B11")
def test_pause_of_the_ip_address_stops_every_login(db: None) -> None:
    with time_machine.travel(NOON, tick=False):
        pauses.pause(pauses.ALL_LOGINS, until=NOON + timedelta(seconds=5), reason="ip")

        with pytest.raises(BudgetSpent) as refusal:
            request_budget.acquire(UID, Kind.OTHER)

    assert refusal.value.retry_at == NOON + timedelta(seconds=5)


def test_refund_undoes_the_charge_of_the_day(db: None) -> None:
    lease = request_budget.acquire(UID, Kind.UPLOAD)

    request_budget.refund(lease)

    assert RequestDay.objects.get().uploads == 0


def test_request_waits_for_a_free_part_of_a_second(db: None, settings: Settings) -> None:
    settings.METRIKA_REQUESTS_PER_SECOND = 5  # one in each fifth of a second

    for _number in range(4):
        with request_budget.request(UID, Kind.OTHER, max_wait_seconds=5):
            continue

    assert RequestDay.objects.get().other == 4


def test_request_does_not_wait_for_the_next_day(db: None, settings: Settings) -> None:
    settings.METRIKA_DAILY_REQUESTS = 1
    request_budget.release(request_budget.acquire(UID, Kind.OTHER))

    with (
        pytest.raises(BudgetSpent) as refusal,
        request_budget.request(UID, Kind.OTHER, max_wait_seconds=60),
    ):
        raise AssertionError("no request may be made")

    assert refusal.value.reason == "day"
