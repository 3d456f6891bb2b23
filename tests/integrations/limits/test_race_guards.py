"""Conditions of the request budget that only a race reaches; each test stages one race."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from integrations.limits import request_budget
from integrations.limits.request_budget import PARALLEL_REQUESTS, BudgetSpent, Kind
from integrations.models import RequestDay, RequestSlot

UID = "1100000001"
NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.contract("B14")


def let_others_acquire_all_slots(clock: time_machine.Traveller, kind: Kind) -> None:
    """Let the leases of the login expire, and other requests acquire its slots."""
    clock.shift(request_budget.max_duration(kind) + timedelta(seconds=1))
    for _number in range(PARALLEL_REQUESTS):
        request_budget.acquire(UID, Kind.OTHER)


def slots() -> set[tuple[int, str]]:
    return {(slot.number, str(slot.holder)) for slot in RequestSlot.objects.filter(yandex_uid=UID)}


@pytest.mark.parametrize("pages", [0, 1], ids=["only request", "next page"])
def test_request_that_lost_its_slot_is_not_made(db: None, pages: int) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        lease = request_budget.acquire(UID, Kind.POLL)
        for _page in range(pages):
            lease.before_request()
        let_others_acquire_all_slots(clock, Kind.POLL)
        taken = slots()

        with pytest.raises(BudgetSpent) as refusal:
            lease.before_request()

        assert (refusal.value.reason, lease.requests) == ("parallel", pages)
        assert str(lease.holder) not in {holder for _number, holder in taken}
        assert slots() == taken


def test_request_that_lost_its_slot_is_not_charged(db: None) -> None:
    def request_too_late() -> None:
        with request_budget.request(UID, Kind.UPLOAD) as lease:
            let_others_acquire_all_slots(clock, Kind.UPLOAD)
            lease.before_request()

    with time_machine.travel(NOON, tick=False) as clock, pytest.raises(BudgetSpent):
        request_too_late()

    day = RequestDay.objects.get()
    assert (day.uploads, day.other) == (0, PARALLEL_REQUESTS)
