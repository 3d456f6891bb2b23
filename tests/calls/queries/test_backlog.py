"""Which work is due and since when: work that may not be done now is not overdue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.models import Delivery, Upload, UploadAttempt
from calls.queries.backlog import due_work
from calls.states import Attention, UploadState
from counters.models import Counter
from integrations.limits.pauses import ALL_LOGINS
from integrations.models import MetrikaClock, RequestDay, YandexAccount
from tests import factories
from tests.calls.queries.backlog_rows import (
    HOUR,
    MIDNIGHT,
    MINUTE,
    NOON,
    due,
    not_sent,
    spend_day,
    unclear,
)

pytestmark = [pytest.mark.contract("B20"), pytest.mark.usefixtures("noon")]


def test_nothing_is_due_without_work(counter: Counter) -> None:
    assert due() == {}


def test_upload_is_due_since_its_not_before(counter: Counter) -> None:
    not_sent(counter)
    not_sent(counter, not_before=NOON - 7 * MINUTE, state=UploadState.LATER)
    not_sent(counter, not_before=NOON + MINUTE)

    assert due() == {"send": NOON - 7 * MINUTE}


@pytest.mark.parametrize("whose", ["login", "counter", "all logins"])
def test_paused_work_is_due_since_the_end_of_the_pause(counter: Counter, whose: str) -> None:
    not_sent(counter)
    unclear(counter)
    key = {
        "login": counter.account.yandex_uid,
        "counter": f"counter:{counter.number}",
        "all logins": ALL_LOGINS,
    }[whose]
    RequestDay.objects.create(yandex_uid=key, day=NOON.date(), paused_until=NOON + 14 * HOUR)

    assert due() == {}
    assert due(NOON + 15 * HOUR) == {"send": NOON + 14 * HOUR, "look up": NOON + 14 * HOUR}


def test_pause_of_another_login_has_no_effect(cabinet: Cabinet, counter: Counter) -> None:
    not_sent(counter)
    other = factories.make_account(cabinet=cabinet)
    spend_day(other, uploads=4000, paused_until=NOON + HOUR)

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
def test_work_over_the_daily_quota_is_due_the_next_day(
    counter: Counter, settings: Settings, spent: dict[str, int], today: set[str]
) -> None:
    settings.METRIKA_DAILY_REQUESTS = 4000
    not_sent(counter)
    unclear(counter)
    spend_day(counter.account, **spent)

    assert set(due()) == today
    before = {"send": NOON - 5 * MINUTE, "look up": NOON - 3 * MINUTE}
    tomorrow = {kind: before[kind] if kind in today else MIDNIGHT for kind in before}
    assert due(MIDNIGHT + MINUTE) == tomorrow


def test_next_day_begins_by_metrikas_clock(counter: Counter) -> None:
    MetrikaClock.objects.create(ahead_seconds=3600, changed_at=NOON)
    not_sent(counter)
    spend_day(counter.account, uploads=4000)

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
def test_work_of_a_stopped_counter_is_not_due(
    counter: Counter, waiting_delivery: Delivery, stopped: dict[str, Any]
) -> None:
    not_sent(counter)
    assert set(due()) == {"build", "send"}

    Counter.objects.update(**stopped)

    assert due() == {}


def test_work_that_waited_for_a_person_is_due_since_the_action(
    counter: Counter, waiting_delivery: Delivery
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


def test_file_with_an_expired_call_is_not_due(counter: Counter) -> None:
    not_sent(counter, oldest_call_at=NOON - timedelta(days=21))

    assert due() == {}


def test_lookup_is_due_since_the_response_was_lost(counter: Counter, settings: Settings) -> None:
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
def test_bisection_is_due_unless_it_waits_for_its_part(
    counter: Counter, ended: dict[str, Any]
) -> None:
    whole = not_sent(counter, state=UploadState.SPLITTING, attention=Attention.SPLIT)
    assert due() == {"search": NOON - 5 * MINUTE}

    part = not_sent(counter, parent=whole, not_before=NOON + MINUTE)
    assert due() == {}

    Upload.objects.filter(pk=part.pk).update(**ended)
    assert due() == {"search": NOON - 2 * MINUTE}


def test_release_is_due_when_a_lease_is_over(counter: Counter) -> None:
    not_sent(counter, state=UploadState.SENDING, lease_until=NOON + MINUTE)

    assert due() == {}
    assert due(NOON + 2 * MINUTE) == {"release": NOON + MINUTE}


def test_each_kind_of_work_has_the_time_of_its_last_progress(
    counter: Counter, waiting_delivery: Delivery
) -> None:
    not_sent(counter, created_at=NOON - 6 * MINUTE)
    sent = unclear(counter, created_at=NOON - 4 * MINUTE)
    UploadAttempt.objects.create(upload=sent, number=2, started_at=NOON - MINUTE)
    not_sent(counter, state=UploadState.SPLITTING, created_at=NOON - MINUTE)

    stalled = {work.kind: work.stalled_since for work in due_work(NOON)}

    assert stalled == {
        "build": NOON - MINUTE,
        "send": NOON - MINUTE,
        # its second attempt was lost
        "look up": NOON - MINUTE,
        "search": NOON - 5 * MINUTE,
    }
