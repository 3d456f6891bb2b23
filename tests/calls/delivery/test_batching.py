"""The maximum batch delay, by a simulated day of one login, and what is batched first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.delivery.batch_delay import max_batch_delay
from calls.delivery.streams import MAX_FAILED_ATTEMPTS, MAX_UNSENT
from calls.models import Delivery, Upload
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from integrations.limits.request_budget import UPLOAD_SHARE
from tests.calls.stored import store_call

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
DAY = 86_400
TICK = 5
REQUESTS = 4000
UPLOADS = int(REQUESTS * UPLOAD_SHARE)


@dataclass
class Day:
    """Streams of one login: a call every ``gap`` seconds in each, ten times as many in one."""

    streams: int
    gap: int
    spent: int = 0
    worst: int = 0
    #: When the oldest waiting call of each stream came in.
    oldest: dict[int, int] = field(default_factory=dict)

    def live(self) -> None:
        for now in range(0, DAY, TICK):
            for stream in range(self.streams):
                every = self.gap if stream else self.gap // 10
                if (now + stream * TICK) % every < TICK:
                    self.oldest.setdefault(stream, now)
            self._send(now)

    def _send(self, now: int) -> None:
        wait = max_batch_delay(
            streams=self.streams,
            uploads_today=self.spent,
            daily_requests=REQUESTS,
            day_left=timedelta(seconds=DAY - now),
        ).total_seconds()
        for stream, since in sorted(self.oldest.items(), key=lambda item: item[1]):
            if since + wait <= now and self.spent < UPLOADS:
                self.spent += 1
                self.worst = max(self.worst, now - since)
                del self.oldest[stream]


@pytest.mark.contract("B16")
@pytest.mark.parametrize("streams", [5, 20, 50, 100, 300])
def test_requests_last_the_day_and_no_call_waits_much_longer_than_its_share(
    settings: Settings, streams: int
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    day = Day(streams, gap=60)

    day.live()

    share = max(300, DAY * streams / UPLOADS)
    assert day.spent <= UPLOADS
    assert day.worst <= 1.2 * share
    # calls that still wait at midnight have not waited longer either
    assert all(DAY - since <= 1.2 * share for since in day.oldest.values())


@pytest.mark.contract("B16")
@pytest.mark.parametrize(
    ("spent", "seconds"),
    [
        # the free share
        (0, 300),
        (223, 300),
        # half of the day is left, as planned: 86,400 s × 100 / 2,436
        (224, 3546),
        (1400, 3546),
        # more is spent than planned: the rest is spread
        (1600, 3600),
        (2799, 43_200 * 100),
        (2800, 43_200 * 100),
        (9999, 43_200 * 100),
    ],
)
def test_batch_delay_spreads_the_remaining_requests_over_the_day(
    settings: Settings, spent: int, seconds: int
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300

    wait = max_batch_delay(
        streams=100, uploads_today=spent, daily_requests=4000, day_left=timedelta(hours=12)
    )

    assert int(wait.total_seconds()) == seconds


@pytest.mark.contract("B16")
def test_calls_of_the_last_day_are_batched_before_a_backlog(
    cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 3
    now = timezone.now()
    old = [store_call(cabinet=cabinet, started_at=now - timedelta(days=9)) for _ in range(4)]
    today = [store_call(cabinet=cabinet, started_at=now - timedelta(hours=23)) for _ in range(2)]

    batching.build_uploads(now=timezone.now())

    first = Delivery.objects.filter(upload=Upload.objects.get())
    batched = set(first.values_list("call_id", flat=True))
    assert batched == {old[0].pk, *(call.pk for call in today)}


@pytest.fixture
def unsent(cabinet: Cabinet, counter: Counter, settings: Settings) -> list[Upload]:
    """As many unsent files of one stream as are allowed, without a batch delay."""
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    for _ in range(MAX_UNSENT):
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())
    return list(Upload.objects.order_by("pk"))


def rows_built_after(calls: int, *, cabinet: Cabinet) -> list[int]:
    """Store calls and build uploads after each; return the numbers of rows of the new files."""
    before = set(Upload.objects.values_list("pk", flat=True))
    for _ in range(calls):
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())
    return list(Upload.objects.exclude(pk__in=before).values_list("rows", flat=True))


@pytest.mark.contract("B16")
def test_while_unsent_files_wait_calls_collect_for_one_large_file(
    cabinet: Cabinet, unsent: list[Upload]
) -> None:
    assert [upload.rows for upload in unsent] == [1, 1, 1]
    assert rows_built_after(5, cabinet=cabinet) == []

    assert sending.claim(unsent[0], now=timezone.now()) == 1

    assert rows_built_after(2, cabinet=cabinet) == [6]


def test_a_full_file_is_built_despite_unsent_files(
    cabinet: Cabinet, unsent: list[Upload], settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 4

    assert rows_built_after(9, cabinet=cabinet) == [4, 4]


def test_a_file_that_failed_often_does_not_count_as_unsent(
    cabinet: Cabinet, unsent: list[Upload]
) -> None:
    Upload.objects.filter(pk=unsent[0].pk).update(
        state=UploadState.LATER, attempts=MAX_FAILED_ATTEMPTS
    )
    Upload.objects.filter(pk=unsent[1].pk).update(
        state=UploadState.LATER, attempts=MAX_FAILED_ATTEMPTS - 1
    )

    assert rows_built_after(2, cabinet=cabinet) == [1]


def test_unsent_files_are_counted_by_stream(cabinet: Cabinet, unsent: list[Upload]) -> None:
    store_call(cabinet=cabinet, kind="static")

    batching.build_uploads(now=timezone.now())

    assert Upload.objects.filter(is_static=True).count() == 1


def test_calls_wait_for_the_minimum_batch_delay(
    cabinet: Cabinet, linked_counter: Counter, settings: Any
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    with time_machine.travel(NOW, tick=False):
        store_call(cabinet=cabinet)

    assert batching.build_uploads(now=NOW + timedelta(seconds=299)) == 0
    assert batching.build_uploads(now=NOW + timedelta(seconds=300)) == 1


def test_a_full_file_does_not_wait(
    cabinet: Cabinet, linked_counter: Counter, settings: Any
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.UPLOAD_MAX_ROWS = 300, 2
    for _ in range(3):
        store_call(cabinet=cabinet)

    assert batching.build_uploads(now=timezone.now()) == 1
    assert Upload.objects.get().rows == 2
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 1


def test_further_full_files_are_built_in_the_same_run_in_turns(
    cabinet: Cabinet, linked_counter: Counter, settings: Any
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.UPLOAD_MAX_ROWS = 300, 2
    for kind in ("incoming", "static"):
        for _ in range(5):
            store_call(cabinet=cabinet, kind=kind)

    assert batching.build_uploads(now=timezone.now(), seconds=60) == 4

    built = Upload.objects.order_by("pk").values_list("rows", "is_static")
    assert [rows for rows, _static in built] == [2, 2, 2, 2]
    assert {static for _rows, static in built[:2]} == {True, False}
    # Their delay is not over.
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"removed_at": NOW},
        {"access": Counter.Access.LOST},
    ],
)
def test_a_counter_that_is_not_sendable_gets_no_file(
    cabinet: Cabinet, linked_counter: Counter, change: dict[str, Any]
) -> None:
    store_call(cabinet=cabinet)
    Counter.objects.filter(pk=linked_counter.pk).update(**change)

    assert batching.build_uploads(now=timezone.now()) == 0
    assert row_of_state() == [DeliveryState.WAITING]


def row_of_state() -> list[int]:
    return list(Delivery.objects.filter(channel=Channel.CALLS).values_list("state", flat=True))
