"""A page of the audit trail of a cabinet: filtered, in words, with a cursor to the next page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from cabinets.models import AuditEvent, Membership
from cabinets.people import name_of
from dashboard.audit.facts import Fact, facts_of
from dashboard.audit.objects import Named, objects_of
from dashboard.audit.undo import Undo, undo_of
from dashboard.audit.words import in_group, sentence_of

PAGE = 30
#: Values of the filter «Кто» beside the numbers of members.
SYSTEM, OTHERS = "system", "others"


@dataclass(frozen=True)
class Entry:
    """One event in words. ``key`` is the value of the filter by its object."""

    at: datetime
    who: str
    what: str
    key: str
    subject: Named
    facts: list[Fact]
    undo: Undo | None


def entries_of(
    own: Membership, filters: Mapping[str, Any], *, members: list[Membership], now: datetime
) -> tuple[list[Entry], int | None]:
    """Return a page of entries, the latest first, and the cursor of the next page if there is one.

    ``filters``: who, what, days, object and before, each may be missing or empty. ``members`` are
    those of the cabinet.
    """
    found = _events(own, filters, members, now)
    events = list(_after(found, own, filters.get("before"))[: PAGE + 1])
    shown = events[:PAGE]
    subjects, undos = objects_of(own, shown), undo_of(shown, own)
    present = {one.user_id for one in members}
    entries = [
        Entry(
            at=event.at,
            who=_actor(event, present, sees_all=own.can_manage),
            what=sentence_of(event),
            key=f"{event.object_type}:{event.object_id}",
            subject=subjects[event.pk],
            facts=facts_of(event, sees_all=own.can_manage),
            undo=undos.get(event.pk),
        )
        for event in shown
    ]
    return entries, shown[-1].pk if len(events) > PAGE else None


def _events(
    own: Membership, filters: Mapping[str, Any], members: list[Membership], now: datetime
) -> QuerySet[AuditEvent]:
    events = AuditEvent.objects.filter(cabinet=own.cabinet_id).select_related("actor")
    if who := filters.get("who"):
        events = events.filter(_by(who, members))
    if what := filters.get("what"):
        events = events.filter(in_group(what))
    if days := filters.get("days"):
        events = events.filter(at__gte=now - timedelta(days=int(days)))
    if subject := filters.get("object"):
        kind, _colon, number = subject.partition(":")
        events = events.filter(object_type=kind, object_id=number)
    return events.order_by("-at", "-pk")


def _by(who: str, members: list[Membership]) -> Q:
    if who == SYSTEM:
        return Q(actor=None)
    if who == OTHERS:
        return Q(actor__isnull=False) & ~Q(actor__in=[one.user_id for one in members])
    return Q(actor=int(who))


def _after(
    events: QuerySet[AuditEvent], own: Membership, before: int | None
) -> QuerySet[AuditEvent]:
    """Return the events after the one with the number ``before``, which the last page ended with.

    Of a number that is no event of the cabinet the first page.
    """
    if before is None:
        return events
    last = AuditEvent.objects.filter(cabinet=own.cabinet_id, pk=before).first()
    if last is None:
        return events
    return events.filter(at__lte=last.at).filter(Q(at__lt=last.at) | Q(pk__lt=last.pk))


def _actor(event: AuditEvent, present: set[int], *, sees_all: bool) -> str:
    """Return the name; staff who are no members stay unnamed."""
    if event.actor is None:
        return _("Система")
    if event.actor.is_staff and event.actor.pk not in present:
        return _("Поддержка CallKeeper")
    return name_of(event.actor, sees_all=sees_all)
