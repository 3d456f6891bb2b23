"""The history of a counter's settings, read from the audit trail, and what an undo would save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import AuditEvent
from cabinets.people import name_of
from counters.models import Counter
from counters.settings.copying import Proposal, proposal
from counters.settings.diff import SettingChange, audited_diff
from counters.settings.portable import GOALS, identifiers_of, settings_for, usable_goals
from counters.settings.save import COPIED, RESTORED, SAVED, TEMPLATE_APPLIED

SWITCHED = "counter.switched"
#: What was done, by the action of the event.
WORDS: dict[str, str | Promise] = {
    SAVED: gettext_lazy("Настройки сохранены"),
    COPIED: gettext_lazy("Скопированы из «%(origin)s»"),
    TEMPLATE_APPLIED: gettext_lazy("Применён шаблон «%(origin)s»"),
    RESTORED: gettext_lazy("Возвращены прежние настройки"),
    SWITCHED: gettext_lazy("Отправка включена или выключена"),
}
PAGE = 30


@dataclass(frozen=True)
class Entry:
    """One change of the settings, in words. ``can_be_undone``: it has former values."""

    pk: int
    at: datetime
    who: str
    what: str
    changes: list[SettingChange]
    can_be_undone: bool


def events_of(counter: Counter) -> QuerySet[AuditEvent]:
    """Return the events that changed the counter's settings, the latest first."""
    return AuditEvent.objects.filter(
        cabinet=counter.cabinet_id,
        object_type=counter._meta.label_lower,
        object_id=str(counter.pk),
        action__in=WORDS,
    ).order_by("-at", "-pk")


def history_of(
    counter: Counter, *, before: int | None, sees_all: bool
) -> tuple[list[Entry], int | None]:
    """Return a page of the history, and the number of the event that the next page is before.

    ``before`` is an event's number; None for the first page. ``sees_all``: see `name_of`.
    """
    events = events_of(counter).select_related("actor")
    if before is not None:
        events = events.filter(pk__lt=before)
    found = list(events[: PAGE + 1])
    entries = [_entry(event, sees_all=sees_all) for event in found[:PAGE]]
    return entries, entries[-1].pk if len(found) > PAGE else None


def undo_of(counter: Counter, event: AuditEvent) -> Proposal:
    """Return what the counter would get if the change were undone: the values it had before.

    Settings that the change did not concern stay as they are now. Load the counter with its goals.
    """
    plain = {name: _portable(name, value) for name, value in event.before.items()}
    goals = usable_goals([counter], identifiers_of(plain))
    return proposal(counter, settings_for(plain, goals.get(counter.pk, {})))


def _who(person: User | None, *, sees_all: bool) -> str:
    """Return a person's name for the history; a change without one was made by the product."""
    return name_of(person, sees_all=sees_all) if person else _("Система")


def _entry(event: AuditEvent, *, sees_all: bool) -> Entry:
    known = event.before.keys() & set(Counter.SETTINGS)
    what = str(WORDS[event.action]) % {"origin": event.after.get("origin", "")}
    return Entry(
        pk=event.pk,
        at=event.at,
        who=_who(event.actor, sees_all=sees_all),
        what=what,
        changes=audited_diff(_shared(event.before, known), _shared(event.after, known)),
        can_be_undone=bool(known),
    )


def _shared(values: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in known}


def _portable(name: str, value: Any) -> Any:
    """Return a value of the trail as `settings_for` takes it: «Name (identifier)» of a goal."""
    if name not in GOALS or not isinstance(value, str):
        return value
    return value.rpartition(" (")[2].removesuffix(")")
