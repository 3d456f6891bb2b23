"""«Вернуть» beside an event: offered while the change still stands as the event left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from cabinets.models import AuditEvent, CallSource, Membership
from cabinets.people import may_change
from counters.models import Counter
from counters.settings.save import COPIED, RESTORED, SAVED, TEMPLATE_APPLIED


@dataclass(frozen=True)
class Undo:
    """A form that is posted at once, with one field; without a field a page that asks first."""

    url: str
    name: str = ""
    value: str = ""


def undo_of(events: Sequence[AuditEvent], own: Membership) -> dict[int, Undo]:
    """Return what undoes each event, by its number; only the last change of an object has one.

    ``events``: the latest first.
    """
    if not own.can_manage:
        return {}
    last: dict[tuple[str, str, str], AuditEvent] = {}
    for event in events:
        last.setdefault((event.object_type, event.object_id, event.action), event)
    newest = list(last.values())
    settings = (SAVED, COPIED, TEMPLATE_APPLIED, RESTORED)
    return (
        _of_counters([one for one in newest if one.action == "counter.switched"], own)
        | _of_settings([one for one in events if one.action in settings], own)
        | _of_sources([one for one in newest if one.action == "source.switched"], own)
        | _of_roles([one for one in newest if one.action == "membership.changed"], own)
    )


def _ids(events: Sequence[AuditEvent]) -> list[int]:
    return [int(one.object_id) for one in events]


def _of_counters(events: Sequence[AuditEvent], own: Membership) -> dict[int, Undo]:
    if not events:
        return {}
    counters = own.cabinet.counters.present().filter(pk__in=_ids(events))
    now = dict(counters.values_list("pk", "enabled"))
    return _switches(events, now, "enabled", "counters:switch")


def _of_sources(events: Sequence[AuditEvent], own: Membership) -> dict[int, Undo]:
    if not events:
        return {}
    sources = CallSource.objects.filter(cabinet=own.cabinet, pk__in=_ids(events))
    now = dict(sources.values_list("pk", "is_active"))
    return _switches(events, now, "is_active", "cabinets:source-switch")


def _switches(
    events: Sequence[AuditEvent], now: dict[int, bool], field: str, address: str
) -> dict[int, Undo]:
    found = {}
    for event in events:
        pk, is_on = int(event.object_id), event.after.get(field)
        if pk in now and now[pk] == is_on:
            value = "0" if is_on else "1"
            found[event.pk] = Undo(reverse(address, args=[pk]), "enabled", value)
    return found


def _of_settings(events: Sequence[AuditEvent], own: Membership) -> dict[int, Undo]:
    """Return the page that shows what the undoing of a change of settings would save."""
    if not events:
        return {}
    there = own.cabinet.counters.present().filter(pk__in=_ids(events))
    present = set(there.values_list("pk", flat=True))
    return {
        one.pk: Undo(
            reverse("counters:settings-restore", args=[int(one.object_id)]) + f"?event={one.pk}"
        )
        for one in events
        if int(one.object_id) in present and one.before.keys() & set(Counter.SETTINGS)
    }


def _of_roles(events: Sequence[AuditEvent], own: Membership) -> dict[int, Undo]:
    if not events:
        return {}
    found = {}
    members = own.cabinet.memberships.in_bulk(_ids(events))
    for event in events:
        target, role = members.get(int(event.object_id)), event.before.get("role")
        if target is None or target == own or target.role != event.after.get("role"):
            continue
        if role in own.given_roles and may_change(own, target):
            url = reverse("cabinets:person-role", args=[target.pk])
            found[event.pk] = Undo(url, "role", str(role))
    return found
