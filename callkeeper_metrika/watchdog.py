"""Ends a worker that takes nothing although there is something to take; its supervisor starts anew.

Workers have been seen to stay connected and deaf after their broker came back, and then answer
pings as if nothing were wrong (https://github.com/celery/celery/issues/8030). Whatever such a
worker held goes on without it: rows hold the work, and their leases run out.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass

from billiard import active_children
from celery.worker import state
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUE = "celery"
BROKER_SECONDS = 5
#: So often within the allowed silence the watchdog looks.
LOOKS = 8
#: A task that runs this much longer than any may is not running any more.
BUSY_MARGIN_SECONDS = 60


@dataclass
class Watch:
    """What was seen so far. Silence is counted by looks: a machine that slept was not silent."""

    limit_seconds: float
    busy_limit_seconds: float
    taken: int = -1
    silent_seconds: float = 0

    @property
    def pause_seconds(self) -> float:
        """Return the time between two looks."""
        return self.limit_seconds / LOOKS

    def is_over(self, *, taken: int, running: int, queued: int) -> bool:
        """Take one look: tasks taken ever, running now, waiting in the broker."""
        if taken != self.taken or not queued:
            self.taken, self.silent_seconds = taken, 0
            return False
        self.silent_seconds += self.pause_seconds
        return self.silent_seconds >= (self.busy_limit_seconds if running else self.limit_seconds)


def start() -> None:
    """Watch this worker from a thread of its own until the end of the process."""
    threading.Thread(target=_watch, name="watchdog", daemon=True).start()


def _watch() -> None:
    watch = Watch(
        limit_seconds=settings.WORKER_SILENCE_SECONDS,
        busy_limit_seconds=settings.CELERY_TASK_TIME_LIMIT + BUSY_MARGIN_SECONDS,
    )
    while not watch.is_over(
        taken=sum(state.total_count.values()),
        running=len(state.active_requests),
        queued=_queued(),
    ):
        time.sleep(watch.pause_seconds)
    _end(watch)


def _queued() -> int:
    """Return how many tasks wait; none when the broker is away: then nobody could take any."""
    try:
        with Redis.from_url(
            settings.CELERY_BROKER_URL,
            socket_timeout=BROKER_SECONDS,
            socket_connect_timeout=BROKER_SECONDS,
        ) as broker:
            return int(broker.llen(QUEUE))
    except RedisError:
        return 0


def _end(watch: Watch) -> None:
    logger.critical("nothing taken for %.0f s while tasks wait: ending", watch.silent_seconds)
    try:
        for child in active_children():
            if child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)
    finally:
        os._exit(1)
