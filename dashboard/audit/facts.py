"""What an event changed, in words: only values that have a label are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import AuditEvent, Membership
from cabinets.regions import REGIONS
from calls.delivery.send_orders import SendCounts
from calls.masking import masked_text
from counters.models import Counter
from counters.settings.diff import audited_diff
from counters.states import Access, StopCause
from dashboard.audit.words import WORDS


@dataclass(frozen=True)
class Fact:
    """A value: as it was, empty when there was none, and as it became."""

    label: str
    before: str
    after: str


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return _("Да") if value else _("Нет")
    return str(value)


def _one_of(choices: Any) -> Callable[[Any], str]:
    known = dict(choices)
    return lambda value: str(known.get(value, value))


#: Key of a value → its label and how it is written.
LABELS: dict[str, tuple[str | Promise, Callable[[Any], str]]] = {
    "role": (gettext_lazy("Роль"), _one_of(Membership.Role.choices)),
    "email": (gettext_lazy("Почта"), _plain),
    "days": (gettext_lazy("Дней"), _plain),
    "name": (gettext_lazy("Название"), _plain),
    "number": (gettext_lazy("Номер"), _plain),
    "login": (gettext_lazy("Логин"), _plain),
    "account": (gettext_lazy("Аккаунт"), _plain),
    "time_zone": (gettext_lazy("Часовой пояс"), _plain),
    "region": (gettext_lazy("Страна номеров без кода"), _one_of(REGIONS)),
    "site": (gettext_lazy("Сайт"), _plain),
    "access": (gettext_lazy("Доступ"), _one_of(Access.choices)),
    "stopped_cause": (gettext_lazy("Причина"), _one_of(StopCause.choices)),
    "host": (gettext_lazy("Адрес"), _plain),
    "identifier": (gettext_lazy("Идентификатор"), _plain),
    "calls": (gettext_lazy("Звонков"), _plain),
    "total": (gettext_lazy("Отобрано"), _plain),
    "changed": (gettext_lazy("Изменено"), _plain),
    "rows": (gettext_lazy("Строк"), _plain),
    "accepted": (gettext_lazy("Принято записей"), _plain),
    "rejected": (gettext_lazy("Отклонено записей"), _plain),
    "stored": (gettext_lazy("Сохранено звонков"), _plain),
    "is_sent": (gettext_lazy("Отправлять в Метрику"), _plain),
    "origin": (gettext_lazy("Откуда"), _plain),
}
#: Actions whose values are repeated in the sentence.
_WITHOUT = {"counter.switched", "source.switched"}


def facts_of(event: AuditEvent, *, sees_all: bool) -> list[Fact]:
    """Return the values that changed; phones and e-mails are masked unless the person sees all."""
    found = _settings(event) + _labelled(event) + _of_backfill(event)
    if sees_all:
        return found
    return [Fact(one.label, masked_text(one.before), masked_text(one.after)) for one in found]


def _settings(event: AuditEvent) -> list[Fact]:
    if not event.action.startswith("counter.") or event.action in _WITHOUT:
        return []
    changes = audited_diff(event.before, event.after)
    return [Fact(one.label, one.saved, one.wanted) for one in changes]


def _labelled(event: AuditEvent) -> list[Fact]:
    if event.action in _WITHOUT or event.action not in WORDS:
        return []
    is_counter = event.object_type == Counter._meta.label_lower
    skipped = {"number", "name", *Counter.SETTINGS} if is_counter else set()
    if event.action == "counter.seen_in_metrika":
        skipped.discard("name")
    return [
        _fact(str(label), _text(write, event.before.get(key)), _text(write, event.after.get(key)))
        for key, (label, write) in LABELS.items()
        if key not in skipped and _has(event, key)
    ]


def _fact(label: str, before: str, after: str) -> Fact:
    """Return the value alone where it did not change: an arrow would tell of a change."""
    return Fact(label, "" if before == after else before, after)


def _of_backfill(event: AuditEvent) -> list[Fact]:
    """Return how many calls were to go, or how many of them went into the queue."""
    if not event.action.startswith("backfill."):
        return []
    counters = Fact(_("Счетчиков"), "", str(len(event.after.get("counters", []))))
    expected, result = event.after.get("expected"), event.after.get("result")
    if result is None:
        return [counters, Fact(_("Звонков к отправке"), "", _sent(expected))]
    text = _sent(result)
    if expected is not None:  # events from before it was stored have none
        text = _("%(done)s из %(total)s") % {"done": text, "total": _sent(expected)}
    return [counters, Fact(_("Поставлено в очередь на отправку"), "", text)]


def _sent(outcomes: Mapping[str, int] | None) -> str:
    return str(SendCounts.of(outcomes or {}).sent)


def _has(event: AuditEvent, key: str) -> bool:
    values = (event.before.get(key), event.after.get(key))
    return any(isinstance(one, str | int) and one != "" for one in values)


def _text(write: Callable[[Any], str], value: Any) -> str:
    return write(value) if isinstance(value, str | int) and value != "" else ""
