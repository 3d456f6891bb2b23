"""What a poll asks, who asks it, and how often; lookups are claimed in the same way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import batching, lookup, polling, sending
from calls.delivery.policy import backoff
from calls.models import ListUse, Upload
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay
from integrations.yandex import metrika as client
from tests import factories
from tests.calls.ledger import make_upload
from tests.calls.sandbox_world import fault
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import Actor, control

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LATER = timedelta(minutes=11)


def questions(sandbox: RunningSandbox) -> int:
    """How many lists of uploadings the sandbox was asked for."""
    counts = control(sandbox, "requests?last=0")["counts"]
    lists = [one for one in counts if one["method"] == "GET" and "uploadings" in one["path"]]
    return sum(one["count"] for one in lists)


def sent(cabinet: Cabinet) -> Upload:
    """An upload that Metrika has taken just now."""
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=10)
    return Upload.objects.select_related("counter__account").latest("pk")


@pytest.mark.contract("B18", "B24")
def test_two_workers_that_found_the_same_list_due_ask_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    sent(cabinet)
    with time_machine.travel(timezone.now() + LATER, tick=True):
        one, other = polling.due(timezone.now()), polling.due(timezone.now())

        polling.poll(one)
        polling.poll(other)

    assert questions(sandbox) == 1


@pytest.mark.contract("B24")
def test_only_the_list_of_the_channel_that_is_due_is_asked_for(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.update(goal=goal)
    sent(cabinet)
    assert Upload.objects.filter(state=UploadState.SENT).count() == 2
    Upload.objects.filter(channel=1).update(next_poll_at=timezone.now())

    polling.poll_open()

    assert questions(sandbox) == 1
    assert list(Upload.objects.filter(polls=1).values_list("channel", flat=True)) == [1]


@pytest.mark.contract("B24")
def test_pages_are_read_until_everything_open_was_found_and_each_is_charged(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "UPLOADINGS_PER_PAGE", 2)
    for number in range(3):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"foreign{number}")
    upload = sent(cabinet)
    for number in range(6):
        metrika.upload("ClientId,DateTime\n1,1767607384\n", comment=f"later{number}")
    Upload.objects.update(next_poll_at=timezone.now())

    polling.poll_open()

    upload.refresh_from_db()
    assert upload.polls == 1
    # Five pages in all, of which the newest four hold it, or the oldest two.
    assert questions(sandbox) == RequestDay.objects.get().polls < 5


@pytest.mark.contract("B16")
@pytest.mark.parametrize(
    ("polls", "lists", "seconds"),
    [(0, 50, 0), (159, 50, 0), (160, 50, 86_400 * 50 // 600), (799, 1, 144)],
)
def test_the_lists_of_a_login_share_its_polls(
    db: None, settings: Settings, polls: int, lists: int, seconds: int
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    RequestDay.objects.create(yandex_uid="11", day=NOON.date(), polls=polls)

    assert polling.spacing("11", lists, NOON).total_seconds() == pytest.approx(seconds)


@pytest.mark.contract("B16", "B24")
def test_a_list_is_asked_for_no_sooner_than_the_day_allows(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, settings: Settings
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    sent(cabinet)
    RequestDay.objects.update(polls=160)
    asked_at = timezone.now()
    ListUse.objects.create(counter=linked_counter, channel=1, asked_at=asked_at)

    for seconds in (143, 145):
        Upload.objects.update(next_poll_at=asked_at)
        with time_machine.travel(asked_at + timedelta(seconds=seconds), tick=True):
            polling.poll_open()
        assert questions(sandbox) == (seconds == 145)


@pytest.mark.contract("B5", "B18")
def test_two_workers_that_found_the_same_upload_unclear_look_it_up_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "reset_before", match={"path_contains": "upload_calls"})
    upload = sent(cabinet)
    one, other = lookup.due(timezone.now()), lookup.due(timezone.now())
    assert [found.pk for found in one] == [found.pk for found in other] == [upload.pk]

    assert lookup.look_up(one) == 1
    assert lookup.look_up(other) == 0

    upload.refresh_from_db()
    assert (questions(sandbox), upload.lookups) == (1, 1)


@pytest.mark.contract("B12")
def test_a_server_that_never_answers_is_tried_more_and_more_rarely(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "backoff", lambda attempts: backoff(attempts, lambda: 1.0))
    pauses = []
    for attempts in (1, 2, 5, 9):
        upload = make_upload(
            counter=counter,
            state="unclear",
            uploading_id=None,
            attempts=attempts,
            lookups=2,
            sent_at=NOON - timedelta(hours=1),
        )
        lookup.settle(upload, [], now=NOON)
        upload.refresh_from_db()
        assert upload.state == UploadState.LATER
        pauses.append((upload.not_before - NOON).total_seconds())

    assert pauses == [30, 60, 480, 3600]


@pytest.mark.contract("B5", "B9")
def test_more_rows_than_were_sent_are_told_and_nothing_is_repeated(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    fault(sandbox, "reset_before", match={"path_contains": "upload_calls"})
    upload = sent(cabinet)
    moment = int(timezone.now().timestamp()) - 60
    rows = "".join(f"{number},{moment}\n" for number in range(3))
    metrika.upload(f"ClientId,DateTime\n{rows}", comment=upload.marker)

    lookup.resolve_unclear()

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == (UploadState.SENT, Attention.QUANTITY)
    assert (upload.source_quantity, upload.rows) == (3, 1)
    assert sending.send_due(seconds=10) == 0
