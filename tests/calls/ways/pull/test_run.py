from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call, Intake, PullSource, RejectedRecord
from calls.runtime import failpoints
from calls.ways.pull import orders
from tests import factories
from tests.calls.ways.pull.conftest import (
    KEY,
    NOW,
    CallKeeper,
    make_pull,
    pull_due,
    stored_ids,
)
from tests.devtools.sandbox.actor import control

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("shape", ["list", "gaps"])
def test_calls_of_every_page_are_stored_once(
    pull: PullSource, callkeeper: CallKeeper, shape: str
) -> None:
    callkeeper.set_up(page_length=2, shape=shape)
    ids = callkeeper.add(*(NOW - HOUR * number for number in range(1, 6)))
    callkeeper.add(NOW - timedelta(days=2))

    assert pull_due() == 3

    assert stored_ids() == sorted(ids)
    pull.refresh_from_db()
    assert pull.pulled_until == NOW
    assert (pull.run_received, pull.run_created) == (5, 5)
    assert (pull.window_to, pull.page, pull.lease, pull.error_code) == (None, 0, "", "")
    assert NOW + 5 * MINUTE <= pull.next_at <= NOW + 5.5 * MINUTE
    # Three pages, and one to learn that there is no fourth.
    assert callkeeper.requests == 4
    assert callkeeper.at_a_time == 1
    assert set(Intake.objects.values_list("way", flat=True)) == {"pull"}
    assert pull_due() == 0


def test_call_that_appears_late_is_met_in_the_overlap(
    pull: PullSource, callkeeper: CallKeeper, clock: time_machine.Traveller
) -> None:
    pull_due()
    clock.shift(6 * MINUTE)
    late = callkeeper.add(NOW - 1.9 * HOUR, NOW + MINUTE)

    pull_due()

    assert stored_ids() == sorted(late)
    assert Call.objects.filter(revision__gt=1).count() == 0


def test_late_tags_and_statuses_are_read_within_the_hour(
    callkeeper: CallKeeper, cabinet: Cabinet, clock: time_machine.Traveller
) -> None:
    pull = make_pull(cabinet, days=5)
    (call,) = callkeeper.add(NOW - 70 * HOUR, statusSecond=0, status="fail")
    pull_due()
    callkeeper.change(call, tags=["Целевой"], statusSecond=200, status="success")

    clock.shift(30 * MINUTE)
    pull_due()
    assert Call.objects.get().tags == []
    clock.shift(31 * MINUTE)
    pull_due()

    stored = Call.objects.get()
    assert (stored.tags, stored.status) == (["Целевой"], "success")
    pull.refresh_from_db()
    assert (pull.run_created, pull.run_updated) == (0, 1)


def test_first_pull_of_many_days_goes_day_by_day(callkeeper: CallKeeper, cabinet: Cabinet) -> None:
    pull = make_pull(cabinet, days=21)
    ids = callkeeper.add(*(NOW - timedelta(days=number, hours=-1) for number in range(1, 22)))

    # The time is over after each page.
    for _number in range(60):
        pull_due(seconds=0.0001)
        pull.refresh_from_db()
        assert pull.lease == ""
    pull_due()

    assert stored_ids() == sorted(ids)
    pull.refresh_from_db()
    assert pull.pulled_until == NOW


def test_page_that_moved_up_between_two_requests_is_read_again(
    pull: PullSource, callkeeper: CallKeeper, clock: time_machine.Traveller
) -> None:
    """A call that disappears pulls the first of the next page onto the page that was read."""
    callkeeper.set_up(page_length=2, ordering="oldest")
    ids = callkeeper.add(*(NOW - MINUTE * number for number in (4, 3, 2, 1)))
    removed = False

    def remove_first(name: failpoints.Name) -> None:
        nonlocal removed
        if name == "after_pull_page" and not removed:
            removed = True
            callkeeper.sandbox.world.callkeeper.remove_call(ids[0])

    failpoints.listener = remove_first
    try:
        pull_due()
    finally:
        failpoints.listener = None
    assert ids[2] not in stored_ids()
    clock.shift(6 * MINUTE)
    pull_due()

    assert stored_ids() == sorted(ids)


def test_records_that_cannot_become_calls_are_kept(
    pull: PullSource, callkeeper: CallKeeper
) -> None:
    callkeeper.add(NOW - HOUR, duration="много")
    callkeeper.add(NOW - HOUR)

    pull_due()

    assert Call.objects.count() == 1
    assert RejectedRecord.objects.get().way == "pull"
    pull.refresh_from_db()
    assert (pull.run_received, pull.run_created, pull.run_rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("fault", "details", "code", "text"),
    [
        ("html", {"status": 502}, "unreachable", ""),
        ("html", {"status": 200}, "unreachable", ""),
        ("reset", {}, "unreachable", ""),
        ("redirect", {"to": "https://evil.example/"}, "unexpected_answer", ""),
        ("error", {"text": f"Account of {KEY} is closed"}, "refused", "Account of [key] is closed"),
    ],
)
def test_error_puts_the_next_request_off_and_keeps_the_position(
    pull: PullSource,
    callkeeper: CallKeeper,
    clock: time_machine.Traveller,
    fault: str,
    details: dict[str, Any],
    code: str,
    text: str,
) -> None:
    (call,) = callkeeper.add(NOW - HOUR)
    for minutes in (1, 2, 5, 15, 60, 60):
        callkeeper.fault(fault, **details)
        assert pull_due() == 0
        pull.refresh_from_db()
        wait = pull.next_at - timezone.now()
        assert minutes * MINUTE <= wait <= 1.25 * minutes * MINUTE
        assert (pull.state, pull.error_code, pull.error_text) == ("active", code, text)
        assert pull.lease == ""
        clock.move_to(pull.next_at)

    pull_due()

    assert stored_ids() == [call]
    pull.refresh_from_db()
    assert (pull.failures, pull.error_code) == (0, "")


def test_too_many_requests_are_obeyed_even_by_a_person(
    pull: PullSource, callkeeper: CallKeeper, clock: time_machine.Traveller, owner: Any
) -> None:
    callkeeper.fault("429", retry_after=1800)
    pull_due()

    pull.refresh_from_db()
    assert pull.next_at == NOW + 30 * MINUTE
    assert orders.pull_now(pull, actor=owner, now=NOW + MINUTE) is False
    clock.shift(29 * MINUTE)
    assert pull_due() == 0
    assert callkeeper.requests == 1


def test_wrong_key_stops_the_pull_until_a_person_changes_it(
    pull: PullSource, callkeeper: CallKeeper, clock: time_machine.Traveller, owner: Any
) -> None:
    control(callkeeper.sandbox, "callkeeper/accounts", key="another", name="another")
    callkeeper.sandbox.world.callkeeper.remove(KEY)
    pull_due()
    pull.refresh_from_db()
    assert (pull.state, pull.error_code) == ("wrong_key", "wrong_key")
    clock.shift(timedelta(days=1))
    assert pull_due() == 0
    assert callkeeper.requests == 1

    callkeeper.set_up()
    (call,) = callkeeper.add(NOW + HOUR)
    orders.change_key(pull, api_key=KEY, actor=owner, now=NOW + timedelta(days=1))
    pull_due()

    assert stored_ids() == [call]


def test_order_of_a_person_wins_over_the_page_in_flight(
    pull: PullSource, callkeeper: CallKeeper, owner: Any
) -> None:
    callkeeper.add(NOW - HOUR)

    def pause(name: failpoints.Name) -> None:
        if name == "after_pull_answer":
            assert orders.switch(pull, is_active=False, actor=owner, now=NOW)

    failpoints.listener = pause
    try:
        assert pull_due() == 0
    finally:
        failpoints.listener = None

    assert stored_ids() == []
    assert Intake.objects.count() == 0
    pull.refresh_from_db()
    assert (pull.state, pull.lease, pull.page) == ("paused", "", 0)


def test_sources_are_limited_together_and_a_lost_worker_frees_its_own(
    callkeeper: CallKeeper, cabinet: Cabinet, clock: time_machine.Traveller
) -> None:
    callkeeper.add(NOW - HOUR)
    held = NOW + MINUTE
    for number in range(2):
        source = factories.make_source(cabinet=cabinet, name=f"Lost {number}", kind="pull")
        PullSource.objects.create(
            source=source, api_key=KEY, pull_from=NOW, pulled_until=NOW, next_at=NOW,
            lease=str(number), lease_until=held,
        )  # fmt: skip
    make_pull(cabinet)

    assert pull_due() == 0
    assert callkeeper.requests == 0
    clock.move_to(held)
    assert pull_due() == 1

    assert PullSource.objects.exclude(lease="").count() == 0


def test_source_that_is_off_is_not_asked(pull: PullSource, callkeeper: CallKeeper) -> None:
    pull.source.is_active = False
    pull.source.save()

    assert pull_due() == 0
    assert callkeeper.requests == 0


def test_pages_that_do_not_end_end_the_window(pull: PullSource, callkeeper: CallKeeper) -> None:
    """A server that ignores the number of the page answers with the same one again and again."""
    call = factories.v3_record(universalId="5", callTime="2026-11-23 11:00:00")
    callkeeper.fault("html", status=200, body=json.dumps([call]), times=9)

    assert pull_due() == 1
    assert stored_ids() == ["5"]
    assert callkeeper.requests == 2
