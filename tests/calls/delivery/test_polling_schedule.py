"""Polls of taken files over days: how many, when, and what is shown."""

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
#: A status that is not in Metrika's documentation.
UNKNOWN_STATUS = "ARCHIVED_FOR_REVIEW"


@pytest.fixture
def slow_metrika(sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox that processes files for longer than a test lasts."""
    sandbox.world.uploadings.ripen_seconds = timedelta(days=30).total_seconds()
    return sandbox


def send() -> None:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=10)


def list_requests(sandbox: RunningSandbox) -> Tally[str]:
    """Return how often each list of uploadings was requested."""
    polled: Tally[str] = Tally()
    for one in control(sandbox, "requests?last=0")["counts"]:
        name = one["path"].rpartition("/")[2]
        if one["method"] == "GET" and name in LISTS:
            polled[name] += one["count"]
    return polled


def polled_now(sandbox: RunningSandbox) -> Tally[str]:
    """Poll what is due; return which lists were requested."""
    before = list_requests(sandbox)
    polling.poll_open()
    return list_requests(sandbox) - before


def outcome_of(call: Call) -> tuple[str, str, str, str]:
    """Return state, Metrika's status and reason of the call's upload, and the display state."""
    row = with_display_state(Delivery.objects.filter(pk=row_of(call).pk), timezone.now()).get()
    upload = row.upload
    assert upload is not None
    return upload.state, upload.metrika_status, upload.attention, row.display_state


def page_of(client: Client, call: Call) -> str:
    return client.get(reverse("calls:journey", args=[call.pk])).content.decode()


@pytest.mark.contract("B24")
def test_one_poll_per_list_serves_all_its_sent_files_at_growing_intervals(
    cabinet: Cabinet,
    linked_counter: Counter,
    slow_metrika: RunningSandbox,
    clock: time_machine.Traveller,
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.update(goal=goal)
    polled: dict[str, list[int]] = {name: [] for name in LISTS}
    minute, end = 0, int(timedelta(hours=75) / MINUTE)

    # Three files of each channel, due one after the other.
    while minute <= end:
        if minute in (0, 4, 8):
            store_call(cabinet=cabinet)
            send()
        for name, times in polled_now(slow_metrika).items():
            assert times == 1
            polled[name].append(minute)
        step = 2 if minute < 10 else 10 if minute < 120 else 60
        clock.shift(step * MINUTE)
        minute += step

    assert Upload.objects.filter(state=UploadState.SENT).count() == 6
    # Every two hours for two days; after that the uploads are overdue and polled once a day.
    two_hourly = range(240, 48 * 60 + 1, 120)
    expected = [10, 30, 60, 120, *two_hourly, 50 * 60, 74 * 60]
    assert polled == dict.fromkeys(LISTS, expected)

    slow_metrika.world.uploadings.ripen_seconds = 1
    clock.shift(24 * HOUR)
    assert polled_now(slow_metrika) == dict.fromkeys(LISTS, 1)
    assert not Upload.objects.filter(state=UploadState.SENT).exists()
    clock.shift(48 * HOUR)
    assert not polled_now(slow_metrika)


@pytest.mark.contract("B23")
def test_an_unknown_status_is_stored_and_the_upload_is_overdue_after_two_days(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    owner_client: Client,
) -> None:
    fault(sandbox, "unknown_status", status=UNKNOWN_STATUS, times=None)
    call = store_call(cabinet=cabinet)
    send()

    # For two days it is polled every two hours.
    for _ in range(24):
        clock.shift(2 * HOUR)
        polling.poll_open()
        assert outcome_of(call) == (UploadState.SENT, UNKNOWN_STATUS, "", DisplayState.SENT)
    page = page_of(owner_client, call)
    assert str(DisplayState.SENT.label) in page
    assert str(DisplayState.ACCEPTED.label) not in page
    assert str(Attention.OVERDUE.sentence) not in page

    clock.shift(2 * HOUR)
    polling.poll_open()
    assert outcome_of(call) == (
        UploadState.SENT,
        UNKNOWN_STATUS,
        Attention.OVERDUE,
        DisplayState.SENT,
    )
    assert str(Attention.OVERDUE.sentence) in page_of(owner_client, call)
    assert sending.send_due(seconds=10) == 0

    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()
    clock.shift(24 * HOUR)
    polling.poll_open()
    assert outcome_of(call) == (UploadState.PROCESSED, "PROCESSED", "", DisplayState.ACCEPTED)
