"""What `/status` says: does the cabinet work, are calls sent, does Yandex answer. Of no customer.

Kept in the process for some seconds, so that many readers cost one look; asks the broker last, and
needs neither it nor a session.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError

from callkeeper_metrika import health
from calls.queries.backlog import due_work
from calls.runtime import heartbeat
from integrations.installation import guard
from integrations.limits import outages
from integrations.limits.outages import OF_YANDEX

#: How long what was found is shown.
KEPT_SECONDS = 15
OK, DOWN, HALTED, LATE, UNKNOWN, OUTAGE = "ok", "down", "halted", "late", "unknown", "outage"


@dataclass(frozen=True)
class Incident:
    """A time in which Yandex failed; ``ended_at`` is None while it does."""

    kind: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class ServiceStatus:
    """Each part in a word; `incidents` of the last 30 days, the newest first."""

    checked_at: datetime
    cabinet: str = OK
    sending: str = OK
    yandex: str = OK
    incidents: list[Incident] = field(default_factory=list)

    @property
    def overall(self) -> str:
        """`ok`, `down` when the cabinet does not work, else `disrupted`."""
        if self.cabinet != OK:
            return DOWN
        return OK if self.sending == OK and self.yandex == OK else "disrupted"

    def as_json(self) -> dict[str, Any]:
        """Return the values of `/status.json`."""
        return {"status": self.overall} | asdict(self)


_lock = threading.Lock()
_kept: tuple[float, ServiceStatus] | None = None


def current() -> ServiceStatus:
    """Return the status, at most KEPT_SECONDS old."""
    global _kept
    with _lock:
        if _kept is None or time.monotonic() - _kept[0] > KEPT_SECONDS:
            _kept = (time.monotonic(), _look(timezone.now()))
        return _kept[1]


def forget() -> None:
    """Look anew next time."""
    global _kept
    with _lock:
        _kept = None


def _look(now: datetime) -> ServiceStatus:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found = outages.recent(now)
        sending = _sending(now)
    except DatabaseError:
        return ServiceStatus(now, cabinet=DOWN, sending=UNKNOWN, yandex=UNKNOWN)
    incidents = [Incident(_kind(one.outcome), one.began_at, one.ended_at) for one in found]
    is_over = all(one.ended_at for one in incidents)
    return ServiceStatus(now, OK, sending, OK if is_over else OUTAGE, incidents)


def _kind(outcome: str) -> str:
    return "no_answer" if outcome in OF_YANDEX else "refusals"


def _sending(now: datetime) -> str:
    if guard.state(now).is_halted:
        return HALTED
    if any(health.is_late(work, now) for work in due_work(now)):
        return LATE
    return _of_workers(now)


def _of_workers(now: datetime) -> str:
    """Calls are accepted without the broker and the workers; they leave when those are back."""
    try:
        age = heartbeat.age_seconds(now)
    except RedisError:
        return LATE
    return OK if age is not None and age <= health.HEARTBEAT_LIMIT_SECONDS else LATE
