"""A counter of which Metrika refuses every file for a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, sending
from calls.delivery.bisection import ROWS_BEFORE_STOP
from calls.models import Call, Delivery, Upload
from calls.states import DeliveryState
from counters.models import Counter
from counters.sync import stopped
from devtools.sandbox import RunningSandbox
from tests.calls.call_links import calls_of
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import control

pytestmark = pytest.mark.contract("B10")
MAX_REFUSALS_PER_DAY = 40
SPACING, MINUTE = timedelta(seconds=10), timedelta(minutes=1)


def tick() -> None:
    now = timezone.now()
    stopped.check_due(now=now)
    batching.build_uploads(now=now)
    # It ends when nothing is due; on a busy machine forty files may take a minute.
    sending.send_due(seconds=600)
    bisection.isolate_refused(now=now)


def deliver_one_by_one(cabinet: Cabinet, clock: time_machine.Traveller, count: int) -> list[Call]:
    """Store and deliver calls one by one, so that each is a file of its own."""
    calls = []
    for _ in range(count):
        calls.append(store_call(cabinet=cabinet))
        tick()
        clock.shift(SPACING)
    for _ in range(2):
        clock.shift(MINUTE)
        tick()
    return calls


def posts(sandbox: RunningSandbox) -> int:
    """Return how many uploads the sandbox received, accepted or not."""
    counts = control(sandbox, "requests?last=0")["counts"]
    return sum(one["count"] for one in counts if one["path"].endswith("/upload_calls"))


def accept_again(sandbox: RunningSandbox) -> None:
    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()


def arrived(sandbox: RunningSandbox) -> list[int]:
    """Return the ids of the calls that the sandbox has, repeated if it has them repeatedly."""
    return calls_of(row["CallTrackerURL"] for row in rows_in_metrika(sandbox))


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


def test_rows_refused_alone_stop_the_counter_once_and_leave_nothing_to_a_person(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    owner_client: Client,
) -> None:
    fault(sandbox, "whole_file_400", times=None)

    calls = deliver_one_by_one(cabinet, working_day, 8)

    linked_counter.refresh_from_db()
    assert linked_counter.stopped_cause == "rejecting"
    assert posts(sandbox) == ROWS_BEFORE_STOP
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()
    assert not Upload.objects.needs_attention().exists()
    sentence = "Метрика отклоняет файлы этого счетчика один за другим"
    assert all(sentence in page_of(owner_client, call) for call in (calls[0], calls[-1]))
    assert owner_client.get("/lk/integrations").content.decode().count(sentence) == 1


def test_a_stopped_counter_is_tried_once_a_day_and_every_call_arrives_once(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "whole_file_400", times=None)
    calls = deliver_one_by_one(cabinet, working_day, 8)

    # A trial that is refused again costs no more than the rows that wait, and stops it again.
    working_day.shift(timedelta(days=1))
    for _ in range(5):
        tick()
        working_day.shift(MINUTE)
    linked_counter.refresh_from_db()
    assert linked_counter.stopped_cause == "rejecting"
    spent = posts(sandbox)
    assert spent <= MAX_REFUSALS_PER_DAY
    working_day.shift(timedelta(hours=20))
    tick()
    assert posts(sandbox) == spent

    accept_again(sandbox)
    working_day.shift(timedelta(hours=4))
    for _ in range(5):
        tick()
        working_day.shift(2 * MINUTE)

    assert arrived(sandbox) == [call.pk for call in calls]
    assert not Upload.objects.needs_attention().exists()
    linked_counter.refresh_from_db()
    assert (linked_counter.stopped_cause, linked_counter.stopped_at) == ("", None)


def test_rows_refused_while_all_files_were_are_sent_again_before_they_are_marked_bad(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "whole_file_400", times=None)
    good = deliver_one_by_one(cabinet, working_day, 5)
    bad = store_call(cabinet=cabinet, tags=["яд"])
    tick()

    accept_again(sandbox)
    fault(sandbox, "whole_file_400", marker="яд", times=None)
    working_day.shift(timedelta(days=1))
    good += deliver_one_by_one(cabinet, working_day, 1)
    # Long enough for every bisection of this day.
    for _ in range(30):
        working_day.shift(2 * MINUTE)
        tick()

    # Once a later call is taken, the counter is not what is refused any more. That does not prove
    # the earlier calls bad: each was sent only while no file was taken.
    refused = Delivery.objects.filter(state=DeliveryState.ROW_REFUSED)
    assert arrived(sandbox) == sorted(call.pk for call in good)
    assert list(refused.values_list("call_id", flat=True)) == [bad.pk]
    assert posts(sandbox) <= MAX_REFUSALS_PER_DAY
