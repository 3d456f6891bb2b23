"""Days of questions to Metrika about files it has taken: how many, when, and what is told of it."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import timedelta

import pytest
import requests
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, polling, sending
from calls.models import Call, Delivery, Upload
from calls.queries.display_state import with_display_state
from calls.states import Attention, DisplayState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.sandbox_world import fault
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import control

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LISTS = ("calls_uploadings", "uploadings")
#: A word of Metrika's that no documentation has.
UNHEARD_OF = "ARCHIVED_FOR_REVIEW"


@pytest.fixture
def slow_metrika(sandbox: RunningSandbox) -> RunningSandbox:
    """A Metrika that is at work for longer than any test looks."""
    sandbox.world.uploadings.ripen_seconds = timedelta(days=30).total_seconds()
    return sandbox


def send() -> None:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=10)


def questions(sandbox: RunningSandbox) -> Tally[str]:
    """How often each list of uploadings was asked for."""
    asked: Tally[str] = Tally()
    for one in control(sandbox, "requests?last=0")["counts"]:
        name = one["path"].rpartition("/")[2]
        if one["method"] == "GET" and name in LISTS:
            asked[name] += one["count"]
    return asked


def asked_now(sandbox: RunningSandbox) -> Tally[str]:
    """Let the clock tick; return which lists were asked for because of it."""
    before = questions(sandbox)
    polling.poll_open()
    return questions(sandbox) - before


def told(call: Call) -> tuple[str, str, str, str]:
    """What the upload of the call says: its state, Metrika's word, what is wrong, what is shown."""
    row = with_display_state(Delivery.objects.filter(pk=row_of(call).pk), timezone.now()).get()
    upload = row.upload
    assert upload is not None
    return upload.state, upload.metrika_status, upload.attention, row.display_state


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


@pytest.mark.contract("B24")
def test_one_question_per_list_asks_for_all_its_open_files_and_ever_more_rarely(
    cabinet: Cabinet,
    linked_counter: Counter,
    slow_metrika: RunningSandbox,
    clock: time_machine.Traveller,
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.update(goal=goal)
    asked: dict[str, list[int]] = {name: [] for name in LISTS}
    minute, end = 0, int(timedelta(hours=75) / MINUTE)

    # Three files of each channel, which come due one by one.
    while minute <= end:
        if minute in (0, 4, 8):
            store_call(cabinet=cabinet)
            send()
        for name, times in asked_now(slow_metrika).items():
            assert times == 1
            asked[name].append(minute)
        step = 2 if minute < 10 else 10 if minute < 120 else 60
        clock.shift(step * MINUTE)
        minute += step

    assert Upload.objects.filter(state=UploadState.SENT).count() == 6
    # Every two hours for two days; after that Metrika is late, and asked once a day.
    two_hourly = range(240, 48 * 60 + 1, 120)
    expected = [10, 30, 60, 120, *two_hourly, 50 * 60, 74 * 60]
    assert asked == dict.fromkeys(LISTS, expected)

    slow_metrika.world.uploadings.ripen_seconds = 1
    clock.shift(24 * HOUR)
    assert asked_now(slow_metrika) == dict.fromkeys(LISTS, 1)
    assert not Upload.objects.filter(state=UploadState.SENT).exists()
    clock.shift(48 * HOUR)
    assert not asked_now(slow_metrika)


@pytest.mark.contract("B23")
def test_status_nobody_has_heard_of_is_kept_as_it_is_and_missed_after_two_days(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    owner_client: Client,
) -> None:
    fault(sandbox, "unknown_status", status=UNHEARD_OF, times=None)
    call = store_call(cabinet=cabinet)
    send()

    # For two days it is asked every two hours at most.
    for _ in range(24):
        clock.shift(2 * HOUR)
        polling.poll_open()
        assert told(call) == (UploadState.SENT, UNHEARD_OF, "", DisplayState.SENT)
    page = page_of(owner_client, call)
    assert str(DisplayState.SENT.label) in page
    assert str(DisplayState.ACCEPTED.label) not in page
    assert str(Attention.OVERDUE.sentence) not in page

    clock.shift(2 * HOUR)
    polling.poll_open()
    assert told(call) == (UploadState.SENT, UNHEARD_OF, Attention.OVERDUE, DisplayState.SENT)
    assert str(Attention.OVERDUE.sentence) in page_of(owner_client, call)
    assert sending.send_due(seconds=10) == 0

    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()
    clock.shift(24 * HOUR)
    polling.poll_open()
    assert told(call) == (UploadState.PROCESSED, "PROCESSED", "", DisplayState.ACCEPTED)
