"""Pauses of the alerts by baseline: days on which a cabinet or a counter is not watched.

In their hours nothing is judged, they are no history of what is usual, and what was low before ends
without a message. Each change goes to the audit trail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from cabinets.audit import log_change
from cabinets.models import Cabinet
from counters.models import Counter
from notices.kinds import OF_FLOW, Kind
from notices.models import AlertPause, Notice

#: The longest pause, and how long a past one is kept: what is usual is counted without its hours.
MOST_DAYS = 60
KEPT = timedelta(days=180)
#: Kinds of a whole cabinet, and of its sources: only a pause of the whole cabinet is theirs.
OF_NO_COUNTER = (Kind.SOURCE_LOW, Kind.INFLOW_CABINET)


@dataclass(frozen=True)
class Span:
    """The time of a pause. Without a counter it is one of the whole cabinet."""

    counter_id: int | None
    begin: datetime
    end: datetime

    def is_of(self, kind: str, subject_id: int) -> bool:
        """Say whether the pause covers this series of counts."""
        if self.counter_id is None:
            return True
        return kind not in OF_NO_COUNTER and subject_id == self.counter_id

    def holds(self, moment: datetime) -> bool:
        """Say whether it lasts at this moment."""
        return self.begin <= moment < self.end


def spans(since: datetime, cabinet: Cabinet | None = None) -> dict[int, list[Span]]:
    """Return the pauses that end after the moment, by cabinet; of one cabinet or of all."""
    # A day more, because the zone of a cabinet may be behind.
    rows = AlertPause.objects.filter(last_day__gte=since.date() - timedelta(days=1))
    if cabinet is not None:
        rows = rows.filter(cabinet=cabinet)
    found: dict[int, list[Span]] = defaultdict(list)
    for row in rows.select_related("cabinet"):
        span = span_of(row)
        if span.end > since:
            found[row.cabinet_id].append(span)
    return found


def span_of(pause: AlertPause) -> Span:
    """Return the time of a pause, in its cabinet's zone."""
    zone = pause.cabinet.zone
    end = _midnight(pause.last_day + timedelta(days=1), zone)
    return Span(pause.counter_id, _midnight(pause.first_day, zone), min(end, pause.ended_at or end))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def covering(spans: Iterable[Span], kind: str, subject_id: int) -> list[Span]:
    """Return the pauses that cover this series of counts."""
    return [span for span in spans if span.is_of(kind, subject_id)]


def without_paused(notices: Sequence[Notice], now: datetime) -> list[Notice]:
    """Leave out the notices of what is, or was when they went, paused: that is no recovery."""
    of_flow = [one for one in notices if one.kind in OF_FLOW]
    lasting = spans(min(one.gone_since or now for one in of_flow)) if of_flow else {}
    return [one for one in notices if not _is_paused(one, lasting.get(one.cabinet_id, ()), now)]


def _is_paused(notice: Notice, of_cabinet: Iterable[Span], now: datetime) -> bool:
    if notice.kind not in OF_FLOW:
        return False
    _of, _colon, number = notice.subject.partition(":")
    covers = covering(of_cabinet, notice.kind, int(number or 0))
    gone = notice.gone_since or now
    return any(span.holds(now) or span.holds(gone) for span in covers)


def current(cabinet: Cabinet, now: datetime) -> QuerySet[AlertPause]:
    """Return the pauses that last or are to come, of what is in use, the first one first."""
    return (
        AlertPause.objects.filter(
            Q(counter=None) | Q(counter__removed_at=None),
            cabinet=cabinet,
            ended_at=None,
            last_day__gte=now.astimezone(cabinet.zone).date(),
        )
        .select_related("counter")
        .order_by("first_day", "pk")
    )


@transaction.atomic
def add(pause: AlertPause, *, actor: User, now: datetime) -> bool:
    """Store a new pause; False when there is one on these days already.

    What is low now in its cabinet or counter counts as gone at once.
    """
    cabinet = Cabinet.objects.select_for_update().get(pk=pause.cabinet_id)
    same = current(cabinet, now).filter(Q(counter=None) | Q(counter=pause.counter))
    if same.filter(first_day__lte=pause.last_day, last_day__gte=pause.first_day).exists():
        return False
    pause.created_at = now
    pause.save()
    _log("alert_pause.added", pause, actor, {}, _facts(pause))
    if span_of(pause).holds(now):
        _end_notices(pause, now)
    return True


def _end_notices(pause: AlertPause, now: datetime) -> None:
    standing = Notice.objects.standing().filter(cabinet=pause.cabinet_id, kind__in=OF_FLOW)
    if pause.counter_id is not None:
        standing = standing.filter(subject=f"counter:{pause.counter_id}")
    standing.update(gone_since=now)


@transaction.atomic
def end(pause: AlertPause, *, actor: User, now: datetime) -> bool:
    """End a pause now, or delete one that has not begun; False when it is over already."""
    found = (
        AlertPause.objects.select_for_update(of=("self",))
        .select_related("cabinet")
        .filter(pk=pause.pk)
        .first()
    )
    # Pressed twice, the second one may have begun before the first one ended it.
    if found is None or found.ended_at is not None or span_of(found).end <= now:
        return False
    _log("alert_pause.ended", found, actor, _facts(found), {})
    if found.first_day > now.astimezone(found.cabinet.zone).date():
        found.delete()
    else:
        found.ended_at = now
        found.save(update_fields=["ended_at"])
    return True


def delete_old(*, now: datetime) -> int:
    """Delete pauses that are no part of any history any more; return how many."""
    rows, _of_each = AlertPause.objects.filter(last_day__lt=(now - KEPT).date()).delete()
    return rows


def _facts(pause: AlertPause) -> dict[str, str]:
    counter: Counter | None = pause.counter
    return {
        "counter": counter.name if counter else "",
        "first_day": pause.first_day.isoformat(),
        "last_day": pause.last_day.isoformat(),
        "note": pause.note,
    }


def _log(
    action: str, pause: AlertPause, actor: User, before: dict[str, str], after: dict[str, str]
) -> None:
    log_change(
        cabinet=pause.cabinet,
        actor=actor,
        action=action,
        subject=pause,
        before=before,
        after=after,
    )
