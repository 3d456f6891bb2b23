"""The schedule of delivery in one process, without a broker: instead of beat and a worker.

Any number of these processes may run in parallel, and with Celery: every step claims its rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.utils import timezone

from calls.delivery import (
    backfill,
    batching,
    bisection,
    expiry,
    look,
    lookup,
    polling,
    recovery,
    redecision,
    sending,
)
from calls.runtime import partitions, shutdown
from integrations.installation import guard

logger = logging.getLogger(__name__)

#: The longest time that sending takes in one round; then the other steps run.
SEND_SECONDS = 10
#: The same of deciding again what waits for changed counters.
REDECIDE_SECONDS = 10
#: The same of putting past calls into the queue: files of today are built in each round.
BACKFILL_SECONDS = 2
PARTITIONS_SECONDS = 600


@dataclass
class Step:
    """A function that is called again and again, at most once in ``every_seconds``."""

    name: str
    act: Callable[[], object]
    every_seconds: float = 0
    _next_at: float = field(default=0, init=False)

    def run_if_due(self) -> None:
        """Call the function if it is due; after an error it is called again in the next round."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + self.every_seconds
        try:
            self.act()
        except DatabaseError as error:
            # Only its class: the message quotes values, and so phone numbers.
            logger.warning("%s: %s", self.name, type(error).__name__)
            connection.close()
        except Exception:
            logger.exception("%s failed", self.name)


def schedule() -> list[Step]:
    """Return the steps of a round, each before those that process its result."""
    return [
        Step(
            "make partitions",
            lambda: partitions.keep_up(now=timezone.now()),
            every_seconds=PARTITIONS_SECONDS,
        ),
        Step("expire", lambda: expiry.expire_overdue(now=timezone.now()), every_seconds=60),
        Step("release", lambda: recovery.release_stuck(now=timezone.now())),
        Step("look up", lookup.resolve_unclear),
        Step("look before sending", look.look_before_send),
        Step("apply changes", lambda: redecision.run(seconds=REDECIDE_SECONDS)),
        Step("past calls", lambda: backfill.run(seconds=BACKFILL_SECONDS)),
        Step(
            "build",
            lambda: batching.build_uploads(now=timezone.now(), seconds=batching.BUILD_SECONDS),
        ),
        Step("send", lambda: sending.send_due(seconds=SEND_SECONDS)),
        Step("isolate", lambda: bisection.isolate_refused(now=timezone.now())),
        Step("poll", polling.poll_open),
    ]


def run(*, rest: Callable[[], object], once: bool = False) -> None:
    """Run rounds until a shutdown is requested; ``rest`` waits between two rounds."""
    started_at = timezone.now()
    steps = [Step("note the start", lambda: guard.note_start(started_at)), *schedule()]
    while not shutdown.is_requested():
        for step in steps:
            if shutdown.is_requested():
                return
            step.run_if_due()
        if once:
            return
        close_old_connections()
        rest()
