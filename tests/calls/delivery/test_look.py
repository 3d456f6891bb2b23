"""After a start, the first request about a counter and channel is the list of its uploadings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests as http
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, listings, look, polling, sender_loop, sending
from calls.models import ListUse, Upload, UploadFile
from calls.queries.backlog import due_work
from calls.queries.blockers import UNREAD, blocker_of
from calls.states import UploadState
from counters.models import Counter
from dashboard.counter_states import counter_states
from devtools.sandbox import RunningSandbox
from integrations.installation import guard
from integrations.models import Installation, RequestDay
from tests import factories
from tests.calls.ledger import body_of, make_upload
from tests.calls.sandbox_world import fault, list_requests, rows_in_metrika, send_call
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import Actor, control
from tests.responses import text_of

pytestmark = pytest.mark.contract("B29")


def start() -> None:
    """What a process that sends does first."""
    guard.note_start(timezone.now())


def requests(sandbox: RunningSandbox) -> list[str]:
    """Return lists and uploads in the order in which the sandbox received them."""
    every = control(sandbox, "requests?last=100")["last"]
    about = [one for one in every if "/offline_conversions/" in one["path"]]
    return [f"{one['method']} {one['path'].rpartition('/')[2]}" for one in about]


def built(cabinet: Cabinet) -> Upload:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    return Upload.objects.get()


def unread() -> bool:
    return not ListUse.objects.filter(read_whole_at__isnull=False).exists()


@pytest.mark.contract("B5")
def test_a_ready_upload_that_stands_in_the_list_is_taken_and_never_sent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    upload = built(cabinet)
    body = body_of(UploadFile.objects.get().pk)
    number = metrika.upload(body, comment=upload.marker).json()["uploading"]["id"]
    start()

    looked = look.look_before_send()
    sent = sending.send_due(seconds=10)

    assert (looked, sent) == (1, 0)
    assert requests(sandbox) == ["POST upload_calls", "GET calls_uploadings"]
    upload.refresh_from_db()
    assert (upload.state, upload.uploading_id, upload.attempts) == ("sent", number, 0)
    assert len(rows_in_metrika(sandbox)) == 1


def test_the_first_request_after_a_start_is_the_list_once_for_each_channel(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.update(goal=goal)
    store_call(cabinet=cabinet)

    for _ in range(2):
        sender_loop.run(rest=lambda: None, once=True)
        store_call(cabinet=cabinet)

    assert sorted(requests(sandbox)[:2]) == ["GET calls_uploadings", "GET uploadings"]
    assert sorted(requests(sandbox)) == [
        # Each run is a start.
        "GET calls_uploadings",
        "GET calls_uploadings",
        "GET uploadings",
        "GET uploadings",
        "POST upload",
        "POST upload",
        "POST upload_calls",
        "POST upload_calls",
    ]


def test_without_a_start_no_list_is_requested(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    built(cabinet)

    assert look.look_before_send() == 0
    assert sending.send_due(seconds=10) == 1
    assert requests(sandbox) == ["POST upload_calls"]


def test_one_list_is_enough_for_all_that_is_sent_until_the_next_start(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    start()
    for _ in range(2):
        store_call(cabinet=cabinet)
        look.look_before_send()
        batching.build_uploads(now=timezone.now())
        sending.send_due(seconds=10)

    assert requests(sandbox) == ["GET calls_uploadings", "POST upload_calls", "POST upload_calls"]
    assert RequestDay.objects.values("looks", "uploads").get() == {"looks": 1, "uploads": 2}


def test_nothing_is_built_or_claimed_before_the_list_is_read(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    upload = built(cabinet)
    store_call(cabinet=cabinet)
    start()

    assert batching.build_uploads(now=timezone.now()) == 0
    assert sending.send_due(seconds=10) == 0
    assert sending.claim(upload, now=timezone.now()) is None
    assert sending.send_upload(upload.pk) is False

    upload.refresh_from_db()
    assert (upload.state, upload.attempts) == (UploadState.READY, 0)
    assert requests(sandbox) == []
    assert not RequestDay.objects.exclude(uploads=0, polls=0).exists()


def test_a_list_that_a_poll_read_after_the_start_is_not_read_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    send_call(cabinet)
    start()
    Upload.objects.update(next_poll_at=timezone.now())
    polling.poll_open()
    store_call(cabinet=cabinet)

    assert look.look_before_send() == 0
    batching.build_uploads(now=timezone.now())
    assert sending.send_due(seconds=10) == 1

    assert list_requests(sandbox) == 1


def test_a_poll_that_stops_before_the_end_of_the_list_is_not_enough(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("integrations.yandex.metrika.UPLOADINGS_PER_PAGE", 2)
    for number in range(6):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"foreign{number}")
    send_call(cabinet)
    start()
    first = metrika.get(
        f"/management/v1/counter/{linked_counter.number}/offline_conversions/calls_uploadings",
        limit=2,
    )["uploadings"]
    Upload.objects.update(next_poll_at=timezone.now(), uploading_id=first[0]["id"])

    polling.poll_open()

    assert unread()


def test_two_senders_that_found_a_list_due_read_it_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    built(cabinet)
    start()
    one, other = look.due(timezone.now()), look.due(timezone.now())
    assert one == other

    read = [look.look(due.counter_id, due.channel) for due in (*one, *other)]

    assert (read, list_requests(sandbox)) == ([True, False], 1)


def test_while_one_sender_reads_the_list_another_waits(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = built(cabinet)
    start()
    beside: list[Any] = []

    def examine(*args: Any) -> listings.Examined:
        beside.append(look.look(upload.counter_id, 1))
        beside.append((look.look_before_send(), sending.send_due(seconds=10)))
        return listings.examine(*args)

    monkeypatch.setattr(look, "examine", examine)

    assert look.look_before_send() == 1

    assert beside == [False, (0, 0)]
    assert requests(sandbox) == ["GET calls_uploadings"]
    assert sending.send_due(seconds=10) == 1


def test_while_the_list_fails_nothing_is_sent_and_the_pages_say_so(
    cabinet: Cabinet,
    source: Any,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner_client: Client,
    working_day: time_machine.Traveller,
) -> None:
    upload = built(cabinet)
    start()
    fault(sandbox, "html_5xx", match={"path_contains": "calls_uploadings"}, times=None)

    working_day.shift(timedelta(seconds=1))
    for _ in range(2):
        assert look.look_before_send() == 0
        assert sending.send_due(seconds=10) == 0

    assert requests(sandbox) == ["GET calls_uploadings"]
    upload.refresh_from_db()
    assert (upload.state, upload.attempts) == (UploadState.READY, 0)
    sentence = blocker_of(upload.counter, now=timezone.now())
    assert "сначала читаем в Метрике список загрузок" in sentence
    page = text_of(owner_client.get(reverse("calls:upload", args=[upload.pk])))
    assert sentence in page
    assert "Файл готов, его очередь скоро." not in page
    assert sentence in text_of(owner_client.get(reverse("calls:history", args=[upload.counter_id])))
    counters = list(Counter.objects.with_details())
    state = counter_states(cabinet, counters, now=timezone.now())[upload.counter_id]
    assert (state.text, state.sentence) == (UNREAD, sentence)

    http.delete(f"{sandbox.url}/_sandbox/faults", timeout=10)
    working_day.shift(timedelta(seconds=31))
    assert look.look_before_send() == 1
    assert blocker_of(upload.counter, now=timezone.now()) == ""
    assert sending.send_due(seconds=10) == 1


def test_a_list_that_goes_on_failing_is_tried_more_and_more_rarely(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
) -> None:
    built(cabinet)
    start()
    fault(sandbox, "html_5xx", match={"path_contains": "calls_uploadings"}, times=None)

    for _ in range(120):
        look.look_before_send()
        working_day.shift(timedelta(minutes=1))

    assert list_requests(sandbox) == 8


def test_unread_lists_are_due_work_of_their_own(counter: Counter) -> None:
    now = timezone.now()
    waiting: dict[str, Any] = {"state": UploadState.READY, "uploading_id": None, "sent_at": None}
    make_upload(counter=counter, not_before=now - timedelta(hours=1), **waiting)
    started_at = now - timedelta(minutes=5)
    guard.note_start(started_at)

    assert [(work.kind, work.since) for work in due_work(now)] == [("list", started_at)]

    until = now + timedelta(seconds=30)
    ListUse.objects.create(
        counter=counter, channel=1, looking_until=until, look_error="Unreachable"
    )
    assert due_work(now) == []
    assert [(work.kind, work.since) for work in due_work(until)] == [("list", until)]
    ListUse.objects.update(read_whole_at=now)
    assert [work.kind for work in due_work(until)] == ["send"]


def test_a_start_that_was_noted_already_asks_for_no_other_list(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    built(cabinet)
    started_at = timezone.now()
    for _ in range(2):
        guard.note_start(started_at)
        look.look_before_send()

    assert list_requests(sandbox) == 1
    assert Installation.objects.get().look_after == started_at


def test_start_noted_by_a_clock_that_was_ahead_does_not_stop_sending(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    boot = timezone.now() + timedelta(days=365)
    Installation.objects.update(look_after=boot)

    for _round in range(5):
        guard.note_start(boot)  # the process goes on after its clock was set right
        look.look_before_send()
        batching.build_uploads(now=timezone.now())
        sending.send_due(seconds=5)

    assert (list_requests(sandbox), len(rows_in_metrika(sandbox))) == (1, 1)


def test_looks_are_not_counted_as_polls(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    built(cabinet)
    start()

    assert look.look_before_send() == 1

    day = RequestDay.objects.get()
    assert (day.looks, day.polls, day.other) == (1, 0, 0)
