"""What counts as due, and since when: work that may not go now is nobody's fault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery.batching import MAX_FAILED_ATTEMPTS, MAX_UNSENT
from calls.models import Delivery, Upload, UploadAttempt
from calls.queries.backlog import due_work
from calls.states import Attention, UploadState
from counters.models import Counter
from integrations.limits.pauses import ALL_LOGINS
from integrations.models import MetrikaClock, RequestDay, YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

pytestmark = pytest.mark.contract("B20")
NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 11, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def due(now: datetime = NOON) -> dict[str, datetime]:
    return {work.kind: work.since for work in due_work(now)}


def not_sent(counter: Counter, **fields: Any) -> Upload:
    values = {"state": UploadState.READY, "uploading_id": None, "sent_at": None}
    return make_upload(counter=counter, **values | {"not_before": NOON - 5 * MINUTE} | fields)


def unclear(counter: Counter, **fields: Any) -> Upload:
    """Its answer was given up two minutes after it was sent."""
    values = {"state": UploadState.UNCLEAR, "uploading_id": None, "attempts": 1}
    sent_at = NOON - 5 * MINUTE
    upload = make_upload(counter=counter, sent_at=sent_at, **values | fields)
    UploadAttempt.objects.create(
        upload=upload, number=1, started_at=sent_at, ended_at=sent_at + 2 * MINUTE
    )
    return upload


def spend(account: YandexAccount, **spent: Any) -> None:
    RequestDay.objects.create(yandex_uid=account.yandex_uid, day=NOON.date(), **spent)


@pytest.fixture
def waiting(cabinet: Cabinet, counter: Counter) -> Delivery:
    """A call that has long waited for company."""
    call = make_call(cabinet=cabinet)
    return make_delivery(call=call, counter=counter, not_before=NOON - 9 * MINUTE)


def test_nothing_is_due_of_nothing(counter: Counter) -> None:
    assert due() == {}


def test_upload_is_due_since_it_may_go(counter: Counter) -> None:
    not_sent(counter)
    not_sent(counter, not_before=NOON - 7 * MINUTE, state=UploadState.LATER)
    not_sent(counter, not_before=NOON + MINUTE)

    assert due() == {"send": NOON - 7 * MINUTE}


def test_a_stream_without_room_is_due_since_a_file_of_it_left(
    counter: Counter, waiting: Delivery
) -> None:
    """Paused for hours, it may not look late at the moment at which its first file leaves."""
    Delivery.objects.filter(pk=waiting.pk).update(not_before=NOON - HOUR)
    stream = {"channel": waiting.channel, "id_kind": waiting.id_kind, "not_before": NOON + HOUR}
    unsent = [not_sent(counter, **stream) for _ in range(MAX_UNSENT)]
    assert due() == {}

    left_at = NOON - 2 * MINUTE
    Upload.objects.filter(pk=unsent[0].pk).update(
        state=UploadState.SENT, sent_at=left_at, uploading_id=1, next_poll_at=NOON + HOUR
    )

    assert due() == {"build": left_at}


def test_a_try_that_failed_made_no_room(
    counter: Counter, waiting: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    stream = {"channel": waiting.channel, "id_kind": waiting.id_kind, "not_before": NOON + HOUR}
    not_sent(
        counter,
        **stream,
        state=UploadState.LATER,
        sent_at=NOON - MINUTE,
        attempts=MAX_FAILED_ATTEMPTS,
    )

    assert due() == {"build": NOON - 9 * MINUTE}


def test_a_full_file_needs_no_room(counter: Counter, waiting: Delivery, settings: Settings) -> None:
    settings.UPLOAD_MAX_ROWS = 1
    make_upload(
        counter=counter, channel=waiting.channel, id_kind=waiting.id_kind, sent_at=NOON - MINUTE
    )

    assert due() == {"build": NOON - 9 * MINUTE}


@pytest.mark.parametrize("whose", ["login", "counter", "everybody"])
def test_what_a_pause_holds_up_is_due_when_it_is_over(counter: Counter, whose: str) -> None:
    not_sent(counter)
    unclear(counter)
    key = {
        "login": counter.account.yandex_uid,
        "counter": f"counter:{counter.number}",
        "everybody": ALL_LOGINS,
    }[whose]
    RequestDay.objects.create(yandex_uid=key, day=NOON.date(), paused_until=NOON + 14 * HOUR)

    assert due() == {}
    assert due(NOON + 15 * HOUR) == {"send": NOON + 14 * HOUR, "look up": NOON + 14 * HOUR}


def test_files_are_gathered_during_a_pause(
    counter: Counter, waiting: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    spend(counter.account, paused_until=NOON + HOUR)

    assert abs(due()["build"] - (NOON - 4 * MINUTE)) <= timedelta(seconds=1)


def test_pause_of_another_login_holds_up_nothing(cabinet: Cabinet, counter: Counter) -> None:
    not_sent(counter)
    other = factories.make_account(cabinet=cabinet)
    spend(other, uploads=4000, paused_until=NOON + HOUR)

    assert due() == {"send": NOON - 5 * MINUTE}


@pytest.mark.parametrize(
    ("spent", "today"),
    [
        ({"uploads": 2799}, {"send", "look up"}),
        ({"uploads": 2800}, {"look up"}),
        ({"uploads": 2000, "polls": 1000, "other": 999}, {"send", "look up"}),
        ({"uploads": 2000, "polls": 1000, "other": 1000}, set()),
    ],
)
def test_what_finds_its_day_spent_is_due_on_the_next(
    counter: Counter, settings: Settings, spent: dict[str, int], today: set[str]
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    not_sent(counter)
    unclear(counter)
    spend(counter.account, **spent)

    assert set(due()) == today
    before = {"send": NOON - 5 * MINUTE, "look up": NOON - 3 * MINUTE}
    tomorrow = {kind: before[kind] if kind in today else MIDNIGHT for kind in before}
    assert due(MIDNIGHT + MINUTE) == tomorrow


def test_the_next_day_begins_by_metrikas_clock(counter: Counter) -> None:
    MetrikaClock.objects.create(ahead_seconds=3600, changed_at=NOON)
    not_sent(counter)
    spend(counter.account, uploads=4000)

    assert due(MIDNIGHT - 61 * MINUTE) == {}
    assert due(MIDNIGHT - HOUR) == {"send": MIDNIGHT - HOUR}


@pytest.mark.parametrize(
    "stopped",
    [
        {"enabled": False},
        {"configured_at": None},
        {"removed_at": NOON},
        {"access": Counter.Access.LOST},
    ],
)
def test_what_a_person_stopped_is_not_due(
    counter: Counter, waiting: Delivery, stopped: dict[str, Any]
) -> None:
    not_sent(counter)
    assert set(due()) == {"build", "send"}

    Counter.objects.update(**stopped)

    assert due() == {}


def test_what_waited_for_a_person_is_due_since_that_person_acted(
    counter: Counter, waiting: Delivery
) -> None:
    not_sent(counter)
    unclear(counter)
    YandexAccount.objects.update(state=YandexAccount.State.REAUTH_REQUIRED)
    assert due() == {}

    YandexAccount.objects.update(
        state=YandexAccount.State.ACTIVE, state_changed_at=NOON - 2 * MINUTE
    )
    assert set(due().values()) == {NOON - 2 * MINUTE}
    Counter.objects.update(access_changed_at=NOON - MINUTE)
    assert due() == dict.fromkeys(("build", "send", "look up"), NOON - MINUTE)


def test_file_with_a_late_call_is_not_to_be_sent(counter: Counter) -> None:
    not_sent(counter, oldest_call_at=NOON - timedelta(days=21))

    assert due() == {}


def test_calls_are_due_when_they_have_waited_for_company(
    cabinet: Cabinet, account: YandexAccount, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.METRIKA_DAILY_REQUESTS = 300, 4000
    call = make_call(cabinet=cabinet)
    for _ in range(25):
        make_delivery(call=call, counter=factories.make_counter(account=account), not_before=NOON)
    spend(account, uploads=700)
    # 86,400 s × 25 / 2,436
    fair = timedelta(seconds=886.7)

    assert due(NOON + fair - MINUTE) == {}
    since = due(NOON + fair + MINUTE)["build"]
    assert abs(since - NOON - fair) < timedelta(seconds=1)


def test_wait_that_grew_shorter_makes_nothing_overdue(
    account: YandexAccount, waiting: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.METRIKA_DAILY_REQUESTS = 300, 4000
    spend(account, uploads=2800)
    # All is spent, so the call of 11:51 waits for as long as the day still lasts: until 17:55:30.
    crossing = NOON + 5 * HOUR + 55 * MINUTE + timedelta(seconds=30)
    assert due(crossing - MINUTE) == {}

    since = due(crossing + 5 * HOUR)["build"]
    assert abs(since - crossing) <= timedelta(seconds=1)


def test_wait_that_is_shorter_on_a_new_day_counts_from_its_beginning(
    cabinet: Cabinet, account: YandexAccount, waiting: Delivery
) -> None:
    for _ in range(99):
        make_delivery(
            call=make_call(cabinet=cabinet),
            counter=factories.make_counter(account=account),
            not_before=NOON,
        )
    spend(account, uploads=2800)
    assert due(MIDNIGHT - 10 * MINUTE) == {}

    assert due(MIDNIGHT + MINUTE) == {"build": MIDNIGHT}


def test_full_file_is_due_since_it_was_full(
    cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.UPLOAD_MAX_ROWS = 3600, 3
    for minutes in (1, 2, 3, 20):
        make_delivery(
            call=make_call(cabinet=cabinet), counter=counter, not_before=NOON - minutes * MINUTE
        )

    assert due() == {"build": NOON - 2 * MINUTE}


def test_lost_answer_is_to_be_looked_up_since_it_was_lost(
    counter: Counter, settings: Settings
) -> None:
    settings.UNCLEAR_GRACE_SECONDS = 900
    upload = unclear(counter)
    assert due() == {"look up": NOON - 3 * MINUTE}

    Upload.objects.filter(pk=upload.pk).update(looked_up_at=NOON - MINUTE)
    assert due() == {}
    assert due(NOON + 5 * MINUTE) == {"look up": NOON + 4 * MINUTE}


@pytest.mark.parametrize(
    "ended",
    [
        {"state": UploadState.CANCELLED, "settled_at": NOON - 2 * MINUTE},
        {"state": UploadState.SENT, "uploading_id": 7, "accepted_at": NOON - 2 * MINUTE},
        {
            "state": UploadState.NEEDS_ATTENTION,
            "attention": Attention.REJECTED,
            "sent_at": NOON - 2 * MINUTE,
        },
    ],
)
def test_search_is_due_unless_it_waits_for_its_part(
    counter: Counter, ended: dict[str, Any]
) -> None:
    whole = not_sent(counter, state=UploadState.SPLITTING, attention=Attention.SPLIT)
    assert due() == {"search": NOON - 5 * MINUTE}

    part = not_sent(counter, parent=whole, not_before=NOON + MINUTE)
    assert due() == {}

    Upload.objects.filter(pk=part.pk).update(**ended)
    assert due() == {"search": NOON - 2 * MINUTE}


def test_silent_worker_is_to_be_noticed_when_its_lease_is_over(counter: Counter) -> None:
    not_sent(counter, state=UploadState.SENDING, lease_until=NOON + MINUTE)

    assert due() == {}
    assert due(NOON + 2 * MINUTE) == {"release": NOON + MINUTE}


def test_each_kind_tells_when_it_last_moved(counter: Counter, waiting: Delivery) -> None:
    not_sent(counter, created_at=NOON - 6 * MINUTE)
    sent = unclear(counter, created_at=NOON - 4 * MINUTE)
    UploadAttempt.objects.create(upload=sent, number=2, started_at=NOON - MINUTE)
    not_sent(counter, state=UploadState.SPLITTING, created_at=NOON - MINUTE)

    still = {work.kind: work.stalled_since for work in due_work(NOON)}

    assert still == {
        "build": NOON - MINUTE,
        "send": NOON - MINUTE,
        # it was lost at its second try
        "look up": NOON - MINUTE,
        "search": NOON - 5 * MINUTE,
    }
