"""What an empty history says: which of its filters hide calls, with a link that lifts each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from calls.pages.forms import HistoryFilterForm
from calls.queries.history import Filters, filtered, hiding
from counters.models import Counter

#: Fields of the form that make up each part of `calls.queries.history.hiding`.
_FIELDS: dict[str, tuple[str, ...]] = {
    "state": ("state",),
    "reason": ("reason",),
    "channel": ("channel",),
    "period": ("date_from", "date_to"),
    "search": ("q",),
    "all": ("state", "reason", "channel", "date_from", "date_to", "q"),
}


@dataclass(frozen=True)
class Hint:
    """A filter that hides calls, and the link to the same page without it."""

    text: str
    url: str
    label: str


def hints_of(
    counter: Counter, form: HistoryFilterForm, filters: Filters, *, now: datetime
) -> list[Hint]:
    """Return a hint for each filter that alone hides all rows; none when there are no calls."""
    shown = form.shown_values()
    parts = hiding(counter, filters, now=now)
    hints = [
        Hint(_text(part, form), url_of(counter, _without(shown, part)), _label(part))
        for part in parts
    ]
    if filters.call_ids and {*parts} <= {"search", "all"}:
        hints += _elsewhere(counter, filters.call_ids, now)
    return hints


def url_of(counter: Counter, values: dict[str, str]) -> str:
    """Return the history with exactly these filters: without `q` it would add its defaults."""
    return f"{reverse('calls:history', args=[counter.pk])}?{urlencode({'q': ''} | values)}"


def _without(values: dict[str, str], part: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _FIELDS[part]}


def _elsewhere(counter: Counter, call_ids: list[int], now: datetime) -> list[Hint]:
    """Return a hint to a call that was found in the cabinet, but not in this counter."""
    if filtered(counter, Filters(call_ids=call_ids), now=now).exists():
        return []
    url = reverse("calls:journey", args=[call_ids[0]])
    text = _("Такой звонок в кабинете есть, но к этому счетчику он не относится.")
    return [Hint(text, url, _("Открыть звонок"))]


def _text(part: str, form: HistoryFilterForm) -> str:
    texts = {
        "state": _("Звонков в состоянии «%(choice)s» здесь нет, в других состояниях есть."),
        "reason": _("Звонков с причиной «%(choice)s» здесь нет, с другими есть."),
        "channel": _("В канале «%(choice)s» звонков нет, в другом канале есть."),
        "period": _("За выбранные дни звонков нет, за другие есть."),
        "search": _("Поиск «%(choice)s» ничего не нашёл, без него звонки есть."),
        "all": _("Звонки есть, но вместе эти условия не подходят ни одному."),
    }
    return texts[part] % {"choice": _choice(part, form)}


def _choice(part: str, form: HistoryFilterForm) -> str:
    if part not in ("state", "reason", "channel", "search"):
        return ""
    bound = form[_FIELDS[part][0]]
    value = str(bound.value() or "")
    choices = {str(key): str(label) for key, label in getattr(bound.field, "choices", [])}
    return choices.get(value, value)


def _label(part: str) -> str:
    return {
        "state": _("Показать все состояния"),
        "reason": _("Показать все причины"),
        "channel": _("Показать оба канала"),
        "period": _("Показать за всё время"),
        "search": _("Убрать поиск"),
        "all": _("Снять все условия"),
    }[part]
