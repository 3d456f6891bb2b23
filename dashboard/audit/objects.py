"""Names and addresses of what events are about; one query per kind of object on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from cabinets.models import AuditEvent, Cabinet, Membership
from cabinets.people import name_of
from calls.models import Backfill, BulkAction, CallKey, FileImport, Upload

Key = tuple[str, str]


@dataclass(frozen=True)
class Named:
    """An object: what it is called, and its page; '' when it has none (any more)."""

    text: str
    url: str = ""


def objects_of(own: Membership, events: Sequence[AuditEvent]) -> dict[int, Named]:
    """Return the object of each event, by the number of the event."""
    calls = {event.pk: str(event.after["call"]) for event in events if _is_of_call(event)}
    others = [event for event in events if event.pk not in calls]
    of_calls = _calls(own.cabinet, set(calls.values()))
    named = {pk: of_calls.get(one, _call(one)) for pk, one in calls.items()}
    by_type: dict[str, set[str]] = {}
    for event in others:
        by_type.setdefault(event.object_type, set()).add(event.object_id)
    found = {
        (kind, one): value
        for kind, ids in by_type.items()
        for one, value in _resolve(kind, own, ids).items()
    }
    return named | {one.pk: found.get(_key(one)) or _unknown(one) for one in others}


def _key(event: AuditEvent) -> Key:
    return event.object_type, event.object_id


def _is_of_call(event: AuditEvent) -> bool:
    return event.object_type.startswith("calls.") and isinstance(event.after.get("call"), int)


def _resolve(kind: str, own: Membership, ids: set[str]) -> dict[str, Named]:
    numbers = {one for one in ids if one.isascii() and one.isdigit() and len(one) < 19}
    resolver = _RESOLVERS.get(kind)
    return resolver(own, numbers) if resolver and numbers else {}


def _unknown(event: AuditEvent) -> Named:
    """Return the kind of an object that is gone or has no name of its own."""
    for values in (event.after, event.before):
        text = values.get("name")
        if isinstance(text, str) and text:
            return Named(text)
    try:
        model = apps.get_model(event.object_type)
    except (LookupError, ValueError):
        return Named("")
    return Named(str(model._meta.verbose_name).capitalize())


def _call(number: str) -> Named:
    return Named(_("Звонок %(number)s") % {"number": number})


def _calls(cabinet: Cabinet, ids: set[str]) -> dict[str, Named]:
    if not ids:
        return {}
    rows = CallKey.objects.filter(cabinet=cabinet, pk__in=ids).values_list("pk", flat=True)
    return {str(pk): Named(_call(str(pk)).text, reverse("calls:journey", args=[pk])) for pk in rows}


def _counters(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = own.cabinet.counters.filter(pk__in=ids).values_list("pk", "name", "number", "removed_at")
    return {
        str(pk): Named(
            f"{name} · {number}", "" if removed else reverse("counters:settings", args=[pk])
        )
        for pk, name, number, removed in rows
    }


def _sources(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = own.cabinet.call_sources.filter(pk__in=ids).values_list("pk", "name")
    return {str(pk): Named(name, reverse("calls:source", args=[pk])) for pk, name in rows}


def _accounts(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = own.cabinet.yandex_accounts.filter(pk__in=ids).values_list("pk", "login")
    return {str(pk): Named(login, reverse("integrations:dashboard")) for pk, login in rows}


def _uploads(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = Upload.objects.filter(cabinet=own.cabinet_id, pk__in=ids).values_list("pk", flat=True)
    text = _("Выгрузка %(number)s")
    return {
        str(pk): Named(text % {"number": pk}, reverse("calls:upload", args=[pk])) for pk in rows
    }


def _imports(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = FileImport.objects.filter(source__cabinet=own.cabinet_id, pk__in=ids)
    return {
        str(pk): Named(name, reverse("calls:import", args=[source, pk]))
        for pk, name, source in rows.values_list("pk", "name", "source_id")
    }


def _backfills(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = Backfill.objects.filter(cabinet=own.cabinet_id, pk__in=ids).values_list("pk", flat=True)
    text = _("Отправка прошлых звонков")
    return {str(pk): Named(text, reverse("calls:backfill", args=[pk])) for pk in rows}


def _bulk(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    rows = BulkAction.objects.filter(cabinet=own.cabinet_id, pk__in=ids).only("kind", "counter_id")
    return {
        str(one.pk): Named(
            one.get_kind_display(), reverse("calls:bulk-action", args=[one.counter_id, one.pk])
        )
        for one in rows
    }


def _members(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    """Return the people of memberships, those that are gone from the events that name them."""
    page = reverse("cabinets:people")
    rows = own.cabinet.memberships.filter(pk__in=ids).select_related("user")
    present = {str(one.pk): Named(name_of(one.user, sees_all=own.can_manage), page) for one in rows}
    gone = set(ids) - present.keys()
    if not gone:
        return present
    deleted = own.cabinet.audit_events.filter(action="membership.deleted", object_id__in=gone)
    users: dict[str, Any] = {one.object_id: one.before.get("user_id") for one in deleted}
    people = User.objects.in_bulk([pk for pk in users.values() if isinstance(pk, int)])
    former = {
        key: Named(name_of(people[pk], sees_all=own.can_manage))
        for key, pk in users.items()
        if pk in people
    }
    return present | former


def _invitations(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    return dict.fromkeys(ids, Named(_("Приглашение"), reverse("cabinets:people")))


def _cabinet(own: Membership, ids: Iterable[str]) -> dict[str, Named]:
    return {str(own.cabinet.pk): Named(own.cabinet.name)}


_RESOLVERS: dict[str, Callable[[Membership, set[str]], dict[str, Named]]] = {
    "counters.counter": _counters,
    "cabinets.callsource": _sources,
    "integrations.yandexaccount": _accounts,
    "calls.upload": _uploads,
    "calls.bulkaction": _bulk,
    "calls.backfill": _backfills,
    "calls.fileimport": _imports,
    "cabinets.membership": _members,
    "cabinets.invitation": _invitations,
    "cabinets.cabinet": _cabinet,
}
