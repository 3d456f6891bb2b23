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
from calls.delivery import batching, bisection, recovery, sending
from calls.delivery.streams import MAX_UNSENT
from calls.models import Call, Delivery, Upload
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import control

pytestmark = pytest.mark.contract("B10")
MAX_REFUSALS_PER_DAY = 40
SPACING, MINUTE = timedelta(seconds=10), timedelta(minutes=1)


def tick() -> None:
    now = timezone.now()
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
    links = (row["CallTrackerURL"] for row in rows_in_metrika(sandbox))
    return sorted(int(link.rpartition("/")[2]) for link in links)


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


def test_no_row_is_refused_while_metrika_takes_no_file_of_its_counter(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "whole_file_400", times=None)

    deliver_one_by_one(cabinet, working_day, 6)

    assert posts(sandbox) == 6
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()


def test_after_forty_refusals_a_day_the_counter_pauses_and_all_calls_arrive_later(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    owner_client: Client,
) -> None:
    fault(sandbox, "whole_file_400", times=None)

    calls = deliver_one_by_one(cabinet, working_day, MAX_REFUSALS_PER_DAY + 5)

    assert posts(sandbox) == MAX_REFUSALS_PER_DAY
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()
    quarantined = Upload.objects.filter(
        state=UploadState.NEEDS_ATTENTION, attention=Attention.QUARANTINED
    )
    assert quarantined.count() == MAX_REFUSALS_PER_DAY
    assert str(Attention.QUARANTINED.sentence) in page_of(owner_client, calls[0])
    assert "Сегодня Метрика отклоняет файлы этого счетчика" in page_of(owner_client, calls[-1])

    # The next day Metrika accepts files again: waiting calls are sent by themselves, quarantined
    # uploads once a person retries them.
    accept_again(sandbox)
    working_day.shift(timedelta(days=1))
    tick()
    assert len(arrived(sandbox)) == MAX_UNSENT
    tick()  # calls for which there were too many unsent files before
    assert len(arrived(sandbox)) == 5
    recovery.retry_uploads(quarantined.values_list("pk", flat=True), actor=None, now=timezone.now())
    tick()
    assert arrived(sandbox) == [call.pk for call in calls]


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
