"""How long a call waits for company, by a simulated day of one login, and who goes first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.delivery import batching, sending
from calls.delivery.batch_delay import max_batch_delay
from calls.delivery.streams import MAX_FAILED_ATTEMPTS, MAX_UNSENT
from calls.models import Delivery, Upload
from calls.states import UploadState
from counters.models import Counter
from integrations.limits.request_budget import UPLOAD_SHARE
from tests.calls.stored import store_call

DAY = 86_400
TICK = 5
REQUESTS = 4000
UPLOADS = int(REQUESTS * UPLOAD_SHARE)


@dataclass
class Day:
    """Streams of one login: a call every ``gap`` seconds for each, ten times as many for one."""

    streams: int
    gap: int
    spent: int = 0
    worst: int = 0
    #: When the oldest call that waits came in, by stream.
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
def test_day_lasts_and_nobody_waits_much_longer_than_his_share(
    settings: Settings, streams: int
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    day = Day(streams, gap=60)

    day.live()

    share = max(300, DAY * streams / UPLOADS)
    assert day.spent <= UPLOADS
    assert day.worst <= 1.2 * share
    # what still waits at midnight has not waited longer either
    assert all(DAY - since <= 1.2 * share for since in day.oldest.values())


@pytest.mark.contract("B16")
@pytest.mark.parametrize(
    ("spent", "seconds"),
    [
        # a few are free
        (0, 300),
        (223, 300),
        # half of the day is left: as planned, 86,400 s × 100 / 2,436
        (224, 3546),
        (1400, 3546),
        # more was spent: what is left is shared out
        (1600, 3600),
        (2799, 43_200 * 100),
        (2800, 43_200 * 100),
        (9999, 43_200 * 100),
    ],
)
def test_what_is_left_of_the_day_is_shared_out(
    settings: Settings, spent: int, seconds: int
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300

    wait = max_batch_delay(
        streams=100, uploads_today=spent, daily_requests=4000, day_left=timedelta(hours=12)
    )

    assert int(wait.total_seconds()) == seconds


@pytest.mark.contract("B16")
def test_calls_of_the_last_day_go_before_a_backlog(
    cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 3
    now = timezone.now()
    old = [store_call(cabinet=cabinet, started_at=now - timedelta(days=9)) for _ in range(4)]
    today = [store_call(cabinet=cabinet, started_at=now - timedelta(hours=23)) for _ in range(2)]

    batching.build_uploads(now=timezone.now())

    first = Delivery.objects.filter(upload=Upload.objects.get())
    gone = set(first.values_list("call_id", flat=True))
    assert gone == {old[0].pk, *(call.pk for call in today)}


@pytest.fixture
def crowd(cabinet: Cabinet, counter: Counter, settings: Settings) -> list[Upload]:
    """As many files of one stream as may wait to leave; nobody waits for company."""
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    for _ in range(MAX_UNSENT):
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())
    return list(Upload.objects.order_by("pk"))


def gathered_of(calls: int, *, cabinet: Cabinet) -> list[int]:
    """Store so many calls, each before a round of gathering; return the rows of the new files."""
    before = set(Upload.objects.values_list("pk", flat=True))
    for _ in range(calls):
        store_call(cabinet=cabinet)
        batching.build_uploads(now=timezone.now())
    return list(Upload.objects.exclude(pk__in=before).values_list("rows", flat=True))


@pytest.mark.contract("B16")
def test_while_files_cannot_leave_calls_gather_for_a_large_one(
    cabinet: Cabinet, crowd: list[Upload]
) -> None:
    assert [upload.rows for upload in crowd] == [1, 1, 1]
    assert gathered_of(5, cabinet=cabinet) == []

    assert sending.claim(crowd[0], now=timezone.now()) is True

    assert gathered_of(2, cabinet=cabinet) == [6]


def test_a_full_file_is_gathered_all_the_same(
    cabinet: Cabinet, crowd: list[Upload], settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 4

    assert gathered_of(9, cabinet=cabinet) == [4, 4]


def test_a_file_that_failed_often_holds_nobody_up(cabinet: Cabinet, crowd: list[Upload]) -> None:
    Upload.objects.filter(pk=crowd[0].pk).update(
        state=UploadState.LATER, attempts=MAX_FAILED_ATTEMPTS
    )
    Upload.objects.filter(pk=crowd[1].pk).update(
        state=UploadState.LATER, attempts=MAX_FAILED_ATTEMPTS - 1
    )

    assert gathered_of(2, cabinet=cabinet) == [1]


def test_the_room_of_one_stream_is_not_that_of_another(
    cabinet: Cabinet, crowd: list[Upload]
) -> None:
    store_call(cabinet=cabinet, kind="static")

    batching.build_uploads(now=timezone.now())

    assert Upload.objects.filter(is_static=True).count() == 1
