"""A counter of which Metrika refuses every file, call by call, for a day."""

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
MOST_REQUESTS_A_DAY = 40
APART, MINUTE = timedelta(seconds=10), timedelta(minutes=1)


def tick() -> None:
    now = timezone.now()
    batching.build_uploads(now=now)
    # It ends when nothing is due; on a busy machine forty files may take a minute.
    sending.send_due(seconds=600)
    bisection.isolate_refused(now=now)


def call_after_call(cabinet: Cabinet, clock: time_machine.Traveller, count: int) -> list[Call]:
    """Calls that come a moment apart, so that each is a file of its own."""
    calls = []
    for _ in range(count):
        calls.append(store_call(cabinet=cabinet))
        tick()
        clock.shift(APART)
    for _ in range(2):
        clock.shift(MINUTE)
        tick()
    return calls


def posts(sandbox: RunningSandbox) -> int:
    """How many files the sandbox was given, whatever it said of them."""
    counts = control(sandbox, "requests?last=0")["counts"]
    return sum(one["count"] for one in counts if one["path"].endswith("/upload_calls"))


def accept_again(sandbox: RunningSandbox) -> None:
    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()


def arrived(sandbox: RunningSandbox) -> list[int]:
    """The calls that the sandbox holds, each as often as it does."""
    links = (row["CallTrackerURL"] for row in rows_in_metrika(sandbox))
    return sorted(int(link.rpartition("/")[2]) for link in links)


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


def test_no_call_is_blamed_while_metrika_takes_nothing_of_its_counter(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "whole_file_400", times=None)

    call_after_call(cabinet, working_day, 6)

    assert posts(sandbox) == 6
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()


def test_refusals_of_a_day_end_with_forty_requests_and_a_notice_and_cost_no_call(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    owner_client: Client,
) -> None:
    fault(sandbox, "whole_file_400", times=None)

    calls = call_after_call(cabinet, working_day, MOST_REQUESTS_A_DAY + 5)

    assert posts(sandbox) == MOST_REQUESTS_A_DAY
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()
    aside = Upload.objects.filter(
        state=UploadState.NEEDS_ATTENTION, attention=Attention.QUARANTINED
    )
    assert aside.count() == MOST_REQUESTS_A_DAY
    assert str(Attention.QUARANTINED.sentence) in page_of(owner_client, calls[0])
    assert "Сегодня Метрика отклоняет файлы этого счетчика" in page_of(owner_client, calls[-1])

    # The next day Metrika has come to its senses: what waited goes by itself, what was set aside
    # goes when a person says so.
    accept_again(sandbox)
    working_day.shift(timedelta(days=1))
    tick()
    assert len(arrived(sandbox)) == MAX_UNSENT
    tick()  # what had no room among the files that waited
    assert len(arrived(sandbox)) == 5
    recovery.retry_uploads(aside.values_list("pk", flat=True), actor=None, now=timezone.now())
    tick()
    assert arrived(sandbox) == [call.pk for call in calls]


def test_calls_refused_while_everything_was_are_tried_again_before_they_are_blamed(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    fault(sandbox, "whole_file_400", times=None)
    innocent = call_after_call(cabinet, working_day, 5)
    bad = store_call(cabinet=cabinet, tags=["яд"])
    tick()

    accept_again(sandbox)
    fault(sandbox, "whole_file_400", marker="яд", times=None)
    innocent += call_after_call(cabinet, working_day, 1)
    # Long enough for any search within this day.
    for _ in range(30):
        working_day.shift(2 * MINUTE)
        tick()

    # That a later call is taken says that the counter is not refused any more. It does not say
    # that those from before were bad: each had only been sent while nothing was taken.
    refused = Delivery.objects.filter(state=DeliveryState.ROW_REFUSED)
    assert arrived(sandbox) == sorted(call.pk for call in innocent)
    assert list(refused.values_list("call_id", flat=True)) == [bad.pk]
    assert posts(sandbox) <= MOST_REQUESTS_A_DAY
