"""Polls of lists: how they are claimed, which pages they read, and how often they are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import polling
from calls.models import ListUse, Upload
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay
from integrations.yandex import metrika as client
from tests import factories
from tests.calls.sandbox_world import list_requests, send_call
from tests.devtools.sandbox.actor import Actor

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LATER = timedelta(minutes=11)


@pytest.mark.contract("B18", "B24")
def test_two_workers_with_the_same_due_list_poll_it_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    send_call(cabinet)
    with time_machine.travel(timezone.now() + LATER, tick=True):
        one, other = polling.due(timezone.now()), polling.due(timezone.now())

        polling.poll(one)
        polling.poll(other)

    assert list_requests(sandbox) == 1


@pytest.mark.contract("B24")
def test_only_the_list_of_the_due_channel_is_polled(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.update(goal=goal)
    send_call(cabinet)
    assert Upload.objects.filter(state=UploadState.SENT).count() == 2
    Upload.objects.filter(channel=1).update(next_poll_at=timezone.now())

    polling.poll_open()

    assert list_requests(sandbox) == 1
    assert list(Upload.objects.filter(polls=1).values_list("channel", flat=True)) == [1]


@pytest.mark.contract("B24")
def test_pages_are_read_until_all_sent_uploads_are_found_and_each_is_charged(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "UPLOADINGS_PER_PAGE", 2)
    for number in range(3):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"foreign{number}")
    upload = send_call(cabinet)
    for number in range(6):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"later{number}")
    Upload.objects.update(next_poll_at=timezone.now())

    polling.poll_open()

    upload.refresh_from_db()
    assert upload.polls == 1
    # Of five pages the upload is on one of the newest four, or of the oldest two.
    assert list_requests(sandbox) == RequestDay.objects.get().polls < 5


@pytest.mark.contract("B16")
@pytest.mark.parametrize(
    ("polls", "lists", "seconds"),
    [(0, 50, 0), (159, 50, 0), (160, 50, 86_400 * 50 // 600), (799, 1, 144)],
)
def test_the_lists_of_a_login_share_its_daily_polls(
    db: None, settings: Settings, polls: int, lists: int, seconds: int
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    RequestDay.objects.create(yandex_uid="11", day=NOON.date(), polls=polls)

    assert polling.spacing("11", lists, NOON).total_seconds() == pytest.approx(seconds)


@pytest.mark.contract("B16", "B24")
def test_polls_of_a_list_are_spaced_to_last_the_day(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, settings: Settings
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    send_call(cabinet)
    RequestDay.objects.update(polls=160)
    asked_at = timezone.now()
    ListUse.objects.create(counter=linked_counter, channel=1, asked_at=asked_at)

    for seconds in (143, 145):
        Upload.objects.update(next_poll_at=asked_at)
        with time_machine.travel(asked_at + timedelta(seconds=seconds), tick=True):
            polling.poll_open()
        assert list_requests(sandbox) == (seconds == 145)
