"""A cause of the counter stops that counter once, and every call arrives once when it is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import batching, bisection, lookup, recovery, sending
from calls.models import Call, Upload
from calls.queries.blockers import blocker_of
from calls.runtime import failpoints
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from counters.sync import refresh, stopped
from devtools.sandbox import RunningSandbox
from tests.calls.call_links import calls_of, link_of
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, Actor, control

pytestmark = pytest.mark.contract("B10")
GOALS = f"/management/v1/counter/{COUNTER}/goals"
FULL = "Метрика не смогла создать в счетчике цель для звонков"


class Died(BaseException):
    """Stands for `kill -9`: nothing after it runs."""


def run() -> None:
    now = timezone.now()
    stopped.check_due(now=now)
    batching.build_uploads(now=now)
    sending.send_due(seconds=30)
    bisection.isolate_refused(now=now)


def call_by_call(cabinet: Cabinet, clock: time_machine.Traveller, count: int = 3) -> list[Call]:
    """Store calls of which each would be a file of its own, and run delivery after each."""
    calls = []
    for _ in range(count):
        calls.append(store_call(cabinet=cabinet))
        run()
        clock.shift(timedelta(seconds=10))
    return calls


def uploads_received(sandbox: RunningSandbox) -> int:
    counts = control(sandbox, "requests?last=0")["counts"]
    return sum(one["count"] for one in counts if one["path"].endswith("/upload_calls"))


def arrived(sandbox: RunningSandbox) -> list[int]:
    return calls_of(row["CallTrackerURL"] for row in rows_in_metrika(sandbox))


def cause(counter: Counter) -> str:
    counter.refresh_from_db()
    return counter.stopped_cause


def delete_a_goal(person: Actor) -> None:
    goal = person.get(GOALS)["goals"][0]["id"]
    path = f"/management/v1/counter/{COUNTER}/goal/{goal}"
    assert person.call("DELETE", path).status_code == 200


@pytest.fixture
def full(sandbox: RunningSandbox) -> RunningSandbox:
    """The sandbox with no room for the goal of calls in any counter."""
    control(sandbox, "goal-limit", goals=4)
    return sandbox


def test_full_goals_stop_the_counter_once_and_are_told_once(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
    owner_client: Client,
) -> None:
    calls = call_by_call(cabinet, working_day)

    assert cause(linked_counter) == Counter.StopCause.GOALS_FULL
    assert uploads_received(full) == 1
    assert [one.state for one in Upload.objects.all()] == [UploadState.LATER]
    assert row_of(calls[-1]).state == DeliveryState.WAITING
    assert rows_in_metrika(full) == []
    assert AuditEvent.objects.filter(action="counter.stopped").count() == 1

    settings_url = f"/lk/integrations/yandex/counters/{linked_counter.pk}"
    pages = ["/lk/integrations", "/lk/integrations/yandex", settings_url]
    texts = [owner_client.get(page).content.decode() for page in pages]
    assert [text.count(FULL) for text in texts] == [1, 1, 1]
    assert not any("Подключено и работает" in text for text in texts[1:])
    assert not any("требуют внимания" in text for text in texts)
    assert all("Проверить и продолжить" in text for text in texts[1:])
    for call in calls:
        assert FULL in owner_client.get(f"/lk/integrations/calls/{call.pk}").content.decode()


def test_it_goes_on_by_itself_when_there_is_room_and_sends_the_same_upload_once(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
    metrika: Actor,
) -> None:
    calls = call_by_call(cabinet, working_day)
    refused = Upload.objects.get()
    working_day.shift(timedelta(hours=1))
    run()  # the goals are still full
    assert cause(linked_counter) == Counter.StopCause.GOALS_FULL

    delete_a_goal(metrika)
    working_day.shift(timedelta(hours=1))
    run()
    run()

    assert (cause(linked_counter), linked_counter.stopped_at) == ("", None)
    assert arrived(full) == [call.pk for call in calls]
    refused.refresh_from_db()
    assert (refused.state, refused.attempts) == (UploadState.SENT, 2)
    assert AuditEvent.objects.get(action="counter.continued").actor is None


def test_it_goes_on_when_the_goal_for_calls_is_there_by_now(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
    metrika: Actor,
) -> None:
    calls = call_by_call(cabinet, working_day, 1)
    # Another system of the customer sent a call while there was room, and its goal fills it again.
    delete_a_goal(metrika)
    metrika.upload(f"ClientId,DateTime\n17,{int(timezone.now().timestamp()) - 60}\n")
    control(full, "clock", advance_seconds=86_400)

    working_day.shift(timedelta(hours=1))
    run()

    assert cause(linked_counter) == ""
    links = [row.get("CallTrackerURL") for row in rows_in_metrika(full)]
    assert link_of(calls[0]) in links


def test_checks_of_full_goals_are_few_and_a_trial_is_made_once_a_day(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    call_by_call(cabinet, working_day)
    for _ in range(23 * 12 - 1):
        working_day.shift(timedelta(minutes=5))
        run()
    counts = control(full, "requests?last=0")["counts"]
    reads = sum(one["count"] for one in counts if one["path"].endswith("/goals"))
    assert (uploads_received(full), reads) == (1, 1 + 22)

    for _ in range(24):
        working_day.shift(timedelta(minutes=5))
        run()

    # One more attempt, refused, for all calls that wait.
    assert uploads_received(full) == 2
    assert cause(linked_counter) == Counter.StopCause.GOALS_FULL
    assert not Upload.objects.needs_attention().exists()


# The second one reads the goals, which is the same check.
@pytest.mark.parametrize("button", ["counters:continue", "counters:refresh-goals"])
def test_one_press_lets_it_go_on(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
    owner_client: Client,
    metrika: Actor,
    button: str,
) -> None:
    calls = call_by_call(cabinet, working_day)
    delete_a_goal(metrika)

    owner_client.post(reverse(button, args=[linked_counter.pk]))
    run()
    run()

    assert cause(linked_counter) == ""
    assert arrived(full) == [call.pk for call in calls]


def test_counter_in_connect_stops_the_counter_and_not_its_account(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "refusal", status=403, error_type="counter_in_connect", times=2)
    calls = call_by_call(cabinet, working_day)

    refresh.refresh_account(linked_counter.account_id, now=timezone.now())

    assert cause(linked_counter) == Counter.StopCause.IN_CONNECT
    assert (linked_counter.access, linked_counter.account.state) == ("ok", "active")
    assert linked_counter.refused_uploads == 0
    assert uploads_received(sandbox) == 1

    working_day.shift(timedelta(days=1))
    run()  # the trial is refused
    assert cause(linked_counter) == Counter.StopCause.IN_CONNECT
    working_day.shift(timedelta(days=1))
    run()
    run()
    assert arrived(sandbox) == [call.pk for call in calls]


def test_a_second_rejected_file_in_a_row_stops_the_counter(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "refusal", status=400, error_type="type_of_tomorrow", times=None)
    calls = call_by_call(cabinet, working_day, 4)

    assert cause(linked_counter) == Counter.StopCause.REJECTING
    first, second = Upload.objects.order_by("pk")
    assert (first.state, first.attention) == (UploadState.NEEDS_ATTENTION, Attention.REJECTED)
    assert (second.state, second.attention) == (UploadState.LATER, "")
    assert uploads_received(sandbox) == 2

    sandbox.world.faults.clear()
    working_day.shift(timedelta(days=1))
    run()
    run()
    assert arrived(sandbox) == [call.pk for call in calls[1:]]
    assert recovery.retry_uploads([first.pk], actor=None, now=timezone.now()) == 1
    run()
    assert arrived(sandbox) == [call.pk for call in calls]


def test_a_rejected_file_after_one_that_was_taken_stops_nothing(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    for _ in range(3):
        fault(sandbox, "refusal", status=400, error_type="invalid_parameter")
        call_by_call(cabinet, working_day, 2)

    assert cause(linked_counter) == ""
    assert Upload.objects.needs_attention().count() == 3
    assert len(rows_in_metrika(sandbox)) == 3


@pytest.mark.parametrize("status", [403, 404, 405, 415])
def test_a_gateway_s_page_is_not_taken_for_a_lost_access(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    status: int,
) -> None:
    fault(sandbox, "html_5xx", status=status, match={"path_contains": "upload_calls"})

    (call,) = call_by_call(cabinet, working_day, 1)

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == (UploadState.LATER, "")
    assert (cause(linked_counter), linked_counter.access) == ("", "ok")
    working_day.shift(timedelta(minutes=1))
    run()
    assert arrived(sandbox) == [call.pk]


def test_blocker_status_and_notice_are_one_sentence(
    cabinet: Cabinet, linked_counter: Counter, owner_client: Client
) -> None:
    for stop in Counter.StopCause:
        Counter.objects.filter(pk=linked_counter.pk).update(
            stopped_cause=stop, stopped_at=timezone.now(), stop_checked_at=timezone.now()
        )
        linked_counter.refresh_from_db()
        sentence = blocker_of(linked_counter, now=timezone.now())
        for page in ("/lk/integrations", "/lk/integrations/yandex"):
            assert sentence in owner_client.get(page).content.decode()


@pytest.mark.contract("B4")
def test_a_kill_before_the_stop_is_recorded_leaves_neither_the_move_nor_the_stop(
    cabinet: Cabinet,
    linked_counter: Counter,
    full: RunningSandbox,
    working_day: time_machine.Traveller,
    metrika: Actor,
    monkeypatch: Any,
) -> None:
    call = store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())

    def die(name: str) -> None:
        if name == "before_failure_commit":
            raise Died

    monkeypatch.setattr(failpoints, "listener", die)
    with pytest.raises(Died):
        sending.send_due(seconds=30)
    monkeypatch.setattr(failpoints, "listener", None)

    assert Upload.objects.get().state == UploadState.SENDING
    assert cause(linked_counter) == ""

    # The lease runs out, the upload is looked up and sent again, and that refusal is recorded.
    delete_a_goal(metrika)
    working_day.shift(timedelta(hours=1))
    recovery.release_stuck(now=timezone.now())
    assert Upload.objects.get().state == UploadState.UNCLEAR
    for _ in range(4):
        lookup.resolve_unclear()
        working_day.shift(timedelta(minutes=6))
    run()
    assert arrived(full) == [call.pk]
