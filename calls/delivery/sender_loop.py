"""The timetable of delivery in one process, without a broker: what beat and a worker do together.

Any number of these may run beside each other and beside Celery: every step claims its rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection
from django.utils import timezone

from calls.delivery import batching, bisection, expiry, lookup, polling, recovery, sending
from calls.runtime import partitions, shutdown

logger = logging.getLogger(__name__)

#: A round ends after this much sending, so that the other steps have their turn.
SEND_SECONDS = 10
PARTITIONS_SECONDS = 600


@dataclass
class Step:
    """One thing to do again and again, at most every so many seconds."""

    name: str
    act: Callable[[], object]
    every_seconds: float = 0
    _next_at: float = field(default=0, init=False)

    def run_if_due(self) -> None:
        """Do it when its time has come; trouble with the database is for the next round."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self.every_seconds
        try:
            self.act()
        except DatabaseTrouble as trouble:
            logger.warning("%s: %s", self.name, type(trouble).__name__)
            connection.close()
        except Exception:
            logger.exception("%s failed", self.name)


def timetable() -> list[Step]:
    """Return the steps in an order in which each feeds the next."""
    return [
        Step(
            "make partitions",
            lambda: partitions.keep_up(now=timezone.now()),
            every_seconds=PARTITIONS_SECONDS,
        ),
        Step("expire", lambda: expiry.expire_overdue(now=timezone.now()), every_seconds=60),
        Step("release", lambda: recovery.release_stuck(now=timezone.now())),
        Step("look up", lookup.resolve_unclear),
        Step("build", lambda: batching.build_uploads(now=timezone.now())),
        Step("send", lambda: sending.send_due(seconds=SEND_SECONDS)),
        Step("isolate", lambda: bisection.isolate_refused(now=timezone.now())),
        Step("poll", polling.poll_open),
    ]


def run(*, rest: Callable[[], object], once: bool = False) -> None:
    """Go round until asked to stop; ``rest`` waits between two rounds."""
    steps = timetable()
    while not shutdown.is_requested():
        for step in steps:
            if shutdown.is_requested():
                return
            step.run_if_due()
        if once:
            return
        close_old_connections()
        rest()
