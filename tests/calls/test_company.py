"""How long a call waits for company: a simulated day of one login, without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pytest_django import Settings

from calls.batching import company_wait
from integrations.budget import UPLOAD_SHARE

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
        wait = company_wait(
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

    wait = company_wait(
        streams=100, uploads_today=spent, daily_requests=4000, day_left=timedelta(hours=12)
    )

    assert int(wait.total_seconds()) == seconds
