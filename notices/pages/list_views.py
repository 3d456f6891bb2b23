"""The page with a cabinet's notices: those that stand, and those that ended of late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.models import Cabinet
from notices.bell import mark_seen
from notices.conditions.watched import found_in
from notices.kinds import Kind
from notices.models import Notice
from notices.words import Words, name_of, words_of

#: Ended notices that the page shows.
SHOWN_FOR = timedelta(days=30)
MAX_ENDED = 50
#: Standing notices of a page; more are counted.
MAX_STANDING = 200


@dataclass(frozen=True)
class HourRow:
    """What came in an hour, and what is usual then."""

    at: datetime
    came: int
    usual: float


@dataclass(frozen=True)
class NoticeRow:
    """A notice as the page shows it."""

    notice: Notice
    title: str
    name: str
    words: Words
    hours: list[HourRow]


@require_GET
@cabinet_required
def notice_list(request: CabinetRequest) -> HttpResponse:
    """Show the notices; from here on the bell counts only newer ones."""
    now = timezone.now()
    of_cabinet = Notice.objects.filter(cabinet=request.cabinet)
    standing = list(of_cabinet.standing().order_by("-opened_at", "pk")[: MAX_STANDING + 1])
    ended = of_cabinet.filter(closed_at__gt=now - SHOWN_FOR).order_by("-closed_at", "pk")
    if len(standing) <= MAX_STANDING:
        standing += _unwritten(request.cabinet, standing, now)
    context = {
        "standing": _rows(sorted(standing[:MAX_STANDING], key=_urgency)),
        "disconnected": [] if standing else _disconnected_logins(request.cabinet),
        "has_more": len(standing) > MAX_STANDING,
        "ended": _rows(ended[:MAX_ENDED]),
    }
    if getattr(request.membership, "unseen_notices", 0):
        mark_seen(request.membership, now=now)
        request.membership.unseen_notices = 0  # type: ignore[attr-defined]  # annotated
    return render(request, "notices/notice_list.html", context)


def _unwritten(cabinet: Cabinet, standing: Iterable[Notice], now: datetime) -> list[Notice]:
    """Return notices, not stored, of what stands already but the next check has yet to find."""
    known = {(one.kind, one.subject) for one in standing}
    found = [one for one in found_in(cabinet, now) if (one.kind, one.subject) not in known]
    return [
        Notice(cabinet=cabinet, kind=one.kind, subject=one.subject, facts=one.facts, opened_at=now)
        for one in found
    ]


def _disconnected_logins(cabinet: Cabinet) -> list[str]:
    """Return the disconnected accounts for which calls wait. No notice is sent: a person did it."""
    logins = cabinet.counters.cut_off().order_by("account__login")
    return list(logins.values_list("account__login", flat=True).distinct())


def _urgency(notice: Notice) -> bool:
    """Sort by it: what stops calls comes first, the rest stays in its order."""
    return notice.tone != "danger"


def _rows(notices: Iterable[Notice]) -> list[NoticeRow]:
    return [
        NoticeRow(one, str(Kind(one.kind).label), name_of(one), words_of(one), _hours(one))
        for one in notices
    ]


def _hours(notice: Notice) -> list[HourRow]:
    """Return the hours of an unusual flow; of other notices there are none."""
    hours = notice.facts.get("hours", [])
    return [HourRow(datetime.fromisoformat(at), came, usual) for at, came, usual in hours]
