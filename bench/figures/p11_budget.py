"""P11: the requests of a login in a day whose calls never end, and how long its streams wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest import mock

from django.conf import settings
from django.db.models import F
from django.test import override_settings
from django.utils import timezone

from bench import world
from bench.figure import Fact, Figure
from calls.delivery import polling
from calls.delivery.batch_delay import max_batch_delay
from integrations.limits import request_budget
from integrations.limits.request_budget import UPLOAD_SHARE, BudgetSpent, Kind
from integrations.models import RequestDay

DAY, TICK = 86_400, 5
REQUESTS, MIN_WAIT, POLL_AFTER, PEOPLE_EVERY = 4000, 300, 600, 900
LIMITS = {
    "METRIKA_DAILY_REQUESTS": REQUESTS,
    "UPLOAD_MIN_WAIT_SECONDS": MIN_WAIT,
    "POLL_SECONDS": POLL_AFTER,
}


class Budget(Figure):
    """A simulated day, whose requests pass through the budget's own code and rows."""

    title = "P11 requests of a login in a day"
    contenders = ()
    limits = 2

    def prepare(self) -> None:
        forget_requests()
        # A day of commits: what they wait for is not measured here.
        world.execute("SET synchronous_commit = off")
        with override_settings(**LIMITS):
            for streams in self.sizes.budget_streams:
                self._add(streams, SimulatedDay(streams))
        world.execute("RESET synchronous_commit")
        forget_requests()

    def _add(self, streams: int, day: SimulatedDay) -> None:
        day.live()
        interval = max(MIN_WAIT, DAY * streams / (REQUESTS * UPLOAD_SHARE))
        name = f"streams: {streams:,}"
        self.facts += [
            Fact(f"{name}; requests", day.requests, "requests", at_most=REQUESTS),
            Fact(f"{name}; longest wait ÷ interval", day.longest / interval, "×", at_most=1.2),
        ]


def forget_requests() -> None:
    """Delete what is counted: the simulated days are to come."""
    world.execute("TRUNCATE integrations_requestday, integrations_requestsecond")


@dataclass
class SimulatedDay:
    """Streams, each of a counter of its own, in which a call waits at every moment.

    Their lists are polled as soon as they may be, and people cause a request every 15 minutes.
    """

    streams: int
    longest: int = 0
    requests: int = 0
    _uploads: int = 0
    #: Since when the oldest call of each stream waits, the longest wait first.
    _waiting: deque[int] = field(default_factory=deque)
    #: When each list was last polled.
    _polled: deque[int] = field(default_factory=deque)
    _next_poll: float = POLL_AFTER

    def live(self) -> None:
        """Let the day pass."""
        self._waiting.extend([0] * self.streams)
        self._polled.extend([0] * self.streams)
        midnight = (timezone.now() + timedelta(days=1)).replace(hour=0, minute=0, second=0)
        for now in range(0, DAY, TICK):
            with _clock(midnight.replace(microsecond=0) + timedelta(seconds=now)):
                self._send(now)
                self._poll(now)
                if now % PEOPLE_EVERY == 0:
                    self._request(Kind.OTHER)
        self.longest = max(self.longest, DAY - self._waiting[0])
        self.requests = self._counted()

    def _send(self, now: int) -> None:
        while self._waiting[0] + self._delay(now) <= now and self._request(Kind.UPLOAD):
            self._uploads += 1
            self.longest = max(self.longest, now - self._waiting.popleft())
            self._waiting.append(now)

    def _delay(self, now: int) -> float:
        return max_batch_delay(
            streams=self.streams,
            uploads_today=self._uploads,
            daily_requests=settings.METRIKA_DAILY_REQUESTS,
            day_left=timedelta(seconds=DAY - now),
        ).total_seconds()

    def _poll(self, now: int) -> None:
        while self._next_poll <= now:
            spacing = polling.spacing(self._login, self.streams, timezone.now()).total_seconds()
            self._next_poll = self._polled[0] + max(POLL_AFTER, spacing)
            if self._next_poll > now:
                return
            if not self._request(Kind.POLL):
                self._next_poll = now + POLL_AFTER
                return
            self._polled.popleft()
            self._polled.append(now)

    def _request(self, kind: Kind) -> bool:
        try:
            with request_budget.request(self._login, kind) as lease:
                lease.before_request()
        except BudgetSpent:
            return False
        return True

    def _counted(self) -> int:
        """Return the most requests that were counted on one day."""
        total = F("uploads") + F("polls") + F("looks") + F("other")
        days = RequestDay.objects.filter(yandex_uid=self._login).annotate(total=total)
        return max(int(total) for total in days.values_list("total", flat=True))

    @property
    def _login(self) -> str:
        return f"bench-{self.streams}"


@contextmanager
def _clock(moment: datetime) -> Iterator[None]:
    with mock.patch.object(timezone, "now", return_value=moment):
        yield
