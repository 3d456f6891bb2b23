"""What the pages of bulk actions say: the bar over a history, the question, how far one is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.bulk.actions import ACTIONS, MAX_ROWS
from calls.bulk.orders import Counted
from calls.models import BulkAction, BulkKind, BulkState
from calls.pages.bulk_sending import Sending
from calls.pages.empty_history import url_of
from calls.pages.forms import HistoryFilterForm
from calls.queries.history import filtered
from calls.queries.redecision import grouped
from calls.states import DisplayState
from counters.models import Counter

#: Actions of a counter that its history names.
RECENT = 5


@dataclass(frozen=True)
class Words:
    """What a person reads before an action: the button, what it does, whether it can be undone."""

    button: str | Promise
    effects: tuple[str | Promise, ...]
    nothing: str | Promise
    #: States of rows that it may change; it is offered when the history has one of them.
    states: frozenset[str]
    tone: str = "primary"


WORDS: dict[BulkKind, Words] = {
    BulkKind.RELEASE: Words(
        button=gettext_lazy("Отпустить отложенные"),
        effects=(
            gettext_lazy("Звонки уйдут с ближайшей выгрузкой, не дожидаясь срока из настроек."),
            gettext_lazy("Пока звонок не попал в файл, его можно отложить снова."),
        ),
        nothing=gettext_lazy("Отложенных звонков среди отобранных нет: отпускать нечего."),
        states=frozenset({DisplayState.HELD}),
    ),
    BulkKind.CALL_OFF: Words(
        button=gettext_lazy("Отменить отправку"),
        effects=(
            gettext_lazy("Эти звонки не уйдут в Метрику, даже если изменить настройки."),
            gettext_lazy("Отмену можно вернуть, пока со звонка не прошёл 21 день."),
        ),
        nothing=gettext_lazy(
            "Отменять нечего: отобранные звонки уже в файлах или не отправляются. Файл отменяют на "
            "странице выгрузки."
        ),
        states=frozenset({DisplayState.WAITING, DisplayState.HELD}),
        tone="danger-solid",
    ),
    BulkKind.RESTORE: Words(
        button=gettext_lazy("Вернуть отменённые"),
        effects=(
            gettext_lazy(
                "Звонки, отправку которых отменил человек, снова встанут в очередь. Они пройдут "
                "проверку по сегодняшним настройкам: какие не подходят, не уйдут."
            ),
        ),
        nothing=gettext_lazy("Звонков, отправку которых отменил человек, среди отобранных нет."),
        states=frozenset({DisplayState.SKIPPED}),
    ),
    BulkKind.SEND: Words(
        button=gettext_lazy("Отправить не отправленные"),
        effects=(
            gettext_lazy(
                "Звонки уйдут в Метрику, хотя не подходят под настройки счетчика. Удалить их там "
                "нельзя — ни вам, ни нам."
            ),
            gettext_lazy(
                "Каждый звонок уйдёт по всем включённым каналам: и в «Звонки», и в цель. Что уже "
                "отправлено, второй раз не уйдёт."
            ),
            gettext_lazy(
                "Не уйдут звонки, которым мешает что-то ещё: нет идентификатора, прошёл 21 день."
            ),
        ),
        nothing=gettext_lazy(
            "Отправлять нечего: среди отобранных нет звонков, которым мешают только настройки."
        ),
        states=frozenset({DisplayState.SKIPPED}),
        tone="danger-solid",
    ),
    BulkKind.RETRY: Words(
        button=gettext_lazy("Повторить отклонённые"),
        effects=(
            gettext_lazy(
                "Файлы этих звонков, которых у Метрики точно нет, отправим ещё раз целиком, вместе "
                "с соседними звонками."
            ),
            gettext_lazy(
                "Файлы, которые могли дойти, не повторяются: звонок не посчитается дважды."
            ),
        ),
        nothing=gettext_lazy(
            "Повторять нечего: файлов, которые Метрика отклонила целиком, среди отобранных нет. "
            "Отдельную строку повторяют на странице звонка."
        ),
        states=frozenset({DisplayState.NEEDS_ATTENTION, DisplayState.BATCHED}),
    ),
}


def bar_context(
    counter: Counter, form: HistoryFilterForm, totals: Collection[Any] | None
) -> dict[str, Any]:
    """Return the bar of the history that the form shows. Two queries at most.

    ``totals`` are its rows by state; None when they are not counted, then each action is offered
    that the chosen state allows.
    """
    shown = form.shown_values()
    chosen = {shown["state"]} if shown.get("state") else set(DisplayState.values)
    if totals is not None:
        chosen &= {one.state for one in totals}
    buttons = [
        {"label": words.button, "url": _with(bulk_url(counter, kind), shown)}
        for kind, words in WORDS.items()
        if words.states & chosen and counter.removed_at is None
        if kind != BulkKind.RESTORE or _shows_called_off(counter, form)
    ]
    export = reverse("calls:history-export", args=[counter.pk])
    recent = BulkAction.objects.filter(counter=counter).order_by("-requested_at")[:RECENT]
    return {
        "bulk_buttons": buttons,
        "export_url": _with(export, shown),
        "bulk_count": _count(chosen, totals),
        "bulk_recent": [_line(one) for one in recent],
    }


def _shows_called_off(counter: Counter, form: HistoryFilterForm) -> bool:
    """Whether there is something to bring back: most rows are skipped for other reasons."""
    now = timezone.now()
    shown = filtered(counter, form.filters(), now=now)
    return shown.filter(ACTIONS[BulkKind.RESTORE].rows(now, now)).order_by().exists()


def _count(chosen: Collection[str], totals: Collection[Any] | None) -> str:
    if totals is None:
        return ""
    return grouped(sum(one.count for one in totals if one.state in chosen))


def bulk_url(counter: Counter, kind: BulkKind) -> str:
    """Return the page that asks before an action."""
    return reverse("calls:bulk", args=[counter.pk, kind.value])


def _with(url: str, shown: Mapping[str, str]) -> str:
    # Without `q` the form would add its default period.
    return f"{url}?{urlencode({'q': ''} | dict(shown))}"


def question_context(
    counter: Counter,
    kind: BulkKind,
    form: HistoryFilterForm,
    counted: Counted,
    sending: Sending | None,
) -> dict[str, Any]:
    """Return the context of the page that asks before an action."""
    words, shown = WORDS[kind], form.shown_values()
    return {
        "counter": counter,
        "kind": BulkKind(kind).label,
        "words": words,
        "counted": counted,
        "sentence": sending.sentence if sending else counted_sentence(counted),
        "left_out": sending.left_out if sending else [],
        "changes_something": sending is None or sending.counts.sent > 0,
        "most": grouped(MAX_ROWS),
        "chosen": filter_lines(shown, form),
        "hidden": {"q": ""} | shown,
        "cancel_url": url_of(counter, shown),
    }


def counted_sentence(counted: Counted) -> str:
    """Return how many calls an action changes, and how many deliveries if that differs."""
    if counted.is_more:
        text = _("Отправок больше %(most)s: действие возьмёт %(most)s самых новых.")
        return text % {"most": grouped(MAX_ROWS)}
    if counted.rows == counted.calls:
        return _("Звонков: %(calls)s.") % {"calls": grouped(counted.calls)}
    text = _("Звонков: %(calls)s, отправок: %(rows)s (звонок и цель отправляются отдельно).")
    return text % {"calls": grouped(counted.calls), "rows": grouped(counted.rows)}


def filter_lines(shown: Mapping[str, str], form: HistoryFilterForm) -> list[tuple[str, str]]:
    """Return label and value of each filter in effect."""
    lines = []
    for name, value in shown.items():
        words = {str(key): str(word) for key, word in getattr(form.fields[name], "choices", ())}
        chosen = form.cleaned_data[name]
        text = date_format(chosen, "j E Y") if isinstance(chosen, date) else value
        lines.append((str(form.fields[name].label), words.get(value, text)))
    return lines


def action_context(action: BulkAction, *, can_manage: bool) -> dict[str, Any]:
    """Return the context of the page of an action. Load it with counter and person."""
    undone_by = BulkAction.objects.filter(undoes=action).first()
    undo = ACTIONS[BulkKind(action.kind)].undo
    is_undoable = undo is not None and not action.is_running and action.changed > 0
    present = action.counter.removed_at is None
    return {
        "action": action,
        "counter": action.counter,
        "kind": action.get_kind_display(),
        "state_text": action.get_state_display(),
        "tone": {BulkState.DONE: "success", BulkState.STOPPED: "warning"}.get(
            BulkState(action.state), "info"
        ),
        "progress": min(action.total, max(action.done, action.changed))
        if action.is_running
        else None,
        "total": grouped(action.total),
        "changed": grouped(action.changed),
        "left_text": _left_sentence(action),
        "undo_label": undo.label if undo and is_undoable and not undone_by else "",
        "undone_url": action_url(undone_by) if undone_by else "",
        "can_manage": can_manage and present,
        "history_url": history_url(action),
        "parent_url": action_url(action.undoes) if action.undoes else "",
    }


def _left_sentence(action: BulkAction) -> str:
    """Return why an action that has ended changed fewer rows than were selected; '' if not."""
    left = action.total - action.changed
    if action.is_running or left <= 0:
        return ""
    if action.state == BulkState.STOPPED:
        text = _("Остальные (%(left)s) не изменились: действие остановлено.")
    elif action.kind == BulkKind.SEND:
        text = _(
            "Остальные (%(left)s) не отправлены: им мешают не только настройки. Причина указана у "
            "каждого звонка."
        )
    else:
        text = _(
            "Остальные (%(left)s) не изменились: пока шло действие, они ушли в файл или стали "
            "другими."
        )
    return text % {"left": grouped(left)}


def action_url(action: BulkAction) -> str:
    """Return the page of an action."""
    return reverse("calls:bulk-action", args=[action.counter_id, action.pk])


def history_url(action: BulkAction) -> str:
    """Return the history with the filters of the action; a search is not kept as text."""
    filters = action.filters.get("filters") or {}
    values = {
        "state": filters.get("state"),
        "reason": filters.get("reason"),
        "channel": filters.get("channel"),
        "date_from": filters.get("first_day"),
        "date_to": filters.get("last_day"),
    }
    return url_of(action.counter, {name: str(value) for name, value in values.items() if value})


def _line(action: BulkAction) -> dict[str, Any]:
    return {
        "url": action_url(action),
        "label": action.get_kind_display(),
        "state_text": action.get_state_display(),
        "at": action.requested_at,
        "changed": grouped(action.changed),
        "total": grouped(action.total),
    }
