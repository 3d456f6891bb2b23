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
from notices import pauses
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
    standing, more = _standing(request.cabinet, now)
    of_cabinet = Notice.objects.filter(cabinet=request.cabinet)
    ended = of_cabinet.filter(closed_at__gt=now - SHOWN_FOR).order_by("-closed_at", "pk")
    context = {
        "standing": _rows(sorted(standing, key=_urgency)),
        "disconnected": [] if standing else _disconnected_logins(request.cabinet),
        "more": more,
        "ended": _rows(ended[:MAX_ENDED]),
        "pauses": pauses.current(request.cabinet, now),
        "today": now.astimezone(request.cabinet.zone).date(),
    }
    if getattr(request.membership, "unseen_notices", 0):
        mark_seen(request.membership, now=now)
        request.membership.unseen_notices = 0  # type: ignore[attr-defined]  # annotated
    return render(request, "notices/notice_list.html", context)


def _standing(cabinet: Cabinet, now: datetime) -> tuple[list[Notice], int]:
    """Return the notices that stand, the newest first, and how many more there are."""
    stored = Notice.objects.filter(cabinet=cabinet).standing().order_by("-opened_at", "pk")
    written = list(stored[: MAX_STANDING + 1])
    count = len(written) if len(written) <= MAX_STANDING else stored.count()
    unwritten = _unwritten(cabinet, now)
    shown = [*unwritten, *written][:MAX_STANDING]
    return shown, len(unwritten) + count - len(shown)


def _unwritten(cabinet: Cabinet, now: datetime) -> list[Notice]:
    """Return what stands already but the next check has yet to find, as it will write it.

    It begins when its own rows say so (``opened_at``: None if they do not); a condition that is
    back before its notice has ended is that notice.
    """
    found = list(found_in(cabinet, now))
    kinds = {one.kind for one in found}
    stored = Notice.objects.filter(cabinet=cabinet, kind__in=kinds).open() if kinds else []
    known = {(one.kind, one.subject): one for one in stored}
    notices = []
    for one in found:
        notice = known.get((one.kind, one.subject))
        if notice is None:
            notice = Notice(cabinet=cabinet, kind=one.kind, subject=one.subject)
            notice.opened_at = one.since  # type: ignore[assignment]  # of a row that is not stored
        elif notice.gone_since is None:
            continue
        notice.facts = one.facts
        notices.append(notice)
    return notices


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
