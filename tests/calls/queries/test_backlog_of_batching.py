"""Since when the next file of a stream is due to be built."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery.streams import MAX_FAILED_ATTEMPTS, MAX_UNSENT
from calls.models import Delivery, Upload
from calls.states import UploadState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.queries.backlog_rows import (
    HOUR,
    MIDNIGHT,
    MINUTE,
    NOON,
    due,
    not_sent,
    spend_day,
)

pytestmark = [pytest.mark.contract("B20"), pytest.mark.usefixtures("noon")]


def test_full_stream_is_due_since_a_file_of_it_was_sent(
    counter: Counter, waiting_delivery: Delivery
) -> None:
    """After a pause of hours it must not look overdue when its first file is sent."""
    Delivery.objects.filter(pk=waiting_delivery.pk).update(not_before=NOON - HOUR)
    stream = {
        "channel": waiting_delivery.channel,
        "id_kind": waiting_delivery.id_kind,
        "not_before": NOON + HOUR,
    }
    unsent = [not_sent(counter, **stream) for _ in range(MAX_UNSENT)]
    assert due() == {}

    sent_at = NOON - 2 * MINUTE
    Upload.objects.filter(pk=unsent[0].pk).update(
        state=UploadState.SENT, sent_at=sent_at, uploading_id=1, next_poll_at=NOON + HOUR
    )

    assert due() == {"build": sent_at}


def test_failed_attempt_makes_no_room_in_a_stream(
    counter: Counter, waiting_delivery: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    stream = {
        "channel": waiting_delivery.channel,
        "id_kind": waiting_delivery.id_kind,
        "not_before": NOON + HOUR,
    }
    not_sent(
        counter,
        **stream,
        state=UploadState.LATER,
        sent_at=NOON - MINUTE,
        attempts=MAX_FAILED_ATTEMPTS,
    )

    assert due() == {"build": NOON - 9 * MINUTE}


def test_full_file_is_due_without_room_in_the_stream(
    counter: Counter, waiting_delivery: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 1
    make_upload(
        counter=counter,
        channel=waiting_delivery.channel,
        id_kind=waiting_delivery.id_kind,
        sent_at=NOON - MINUTE,
    )

    assert due() == {"build": NOON - 9 * MINUTE}


def test_files_are_built_during_a_pause(
    counter: Counter, waiting_delivery: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    spend_day(counter.account, paused_until=NOON + HOUR)

    assert abs(due()["build"] - (NOON - 4 * MINUTE)) <= timedelta(seconds=1)


def test_calls_are_due_after_the_maximum_batch_delay(
    cabinet: Cabinet, account: YandexAccount, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.METRIKA_DAILY_REQUESTS = 300, 4000
    call = make_call(cabinet=cabinet)
    for _ in range(25):
        make_delivery(call=call, counter=factories.make_counter(account=account), not_before=NOON)
    spend_day(account, uploads=700)
    # 86,400 s × 25 / 2,436
    fair = timedelta(seconds=886.7)

    assert due(NOON + fair - MINUTE) == {}
    since = due(NOON + fair + MINUTE)["build"]
    assert abs(since - NOON - fair) < timedelta(seconds=1)


def test_shortened_batch_delay_makes_nothing_overdue(
    account: YandexAccount, waiting_delivery: Delivery, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.METRIKA_DAILY_REQUESTS = 300, 4000
    spend_day(account, uploads=2800)
    # The quota is spent, so the call of 11:51 waits as long as is left of the day: until 17:55:30.
    crossing = NOON + 5 * HOUR + 55 * MINUTE + timedelta(seconds=30)
    assert due(crossing - MINUTE) == {}

    since = due(crossing + 5 * HOUR)["build"]
    assert abs(since - crossing) <= timedelta(seconds=1)


def test_batch_delay_shortened_by_a_new_day_counts_from_its_beginning(
    cabinet: Cabinet, account: YandexAccount, waiting_delivery: Delivery
) -> None:
    for _ in range(99):
        make_delivery(
            call=make_call(cabinet=cabinet),
            counter=factories.make_counter(account=account),
            not_before=NOON,
        )
    spend_day(account, uploads=2800)
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
