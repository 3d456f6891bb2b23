"""The state of counters: the first thing for which calls cannot flow, with a link to its cure.

The list, the settings window and the card of the integration show the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from calls.queries.blockers import HALTED, Blocker, named_blockers_of
from calls.queries.connection import awaiting_by_counter, count_text
from calls.queries.flow import CallFlow, call_flow, failing_counters
from calls.queries.redecision import Progress, progress_of
from calls.queries.stats import awaiting_decision, stuck_uploads
from calls.queries.unknown_files import unknown_by_counter
from calls.states import DisplayState
from counters.models import Counter
from counters.pages.status import (
    NOT_SAVED,
    CounterStatus,
    Cure,
    status_of_counter,
    stop_status_of,
)
from dashboard.links import calls_url

#: Sources that sent nothing for so long are silent: a small firm has weekends without a call, but
#: hardly a week.
SILENT_AFTER = timedelta(days=7)

NO_SOURCE = CounterStatus(
    gettext_lazy("Нет источника звонков"),
    "warning",
    gettext_lazy("Звонкам неоткуда прийти: добавьте источник звонков или включите его."),
    Cure.SOURCES,
)
AWAITS_FIRST_CALL = CounterStatus(
    gettext_lazy("Подключено, ждём первый звонок"),
    "info",
    gettext_lazy("Источник ещё не прислал ни одного звонка."),
    Cure.SOURCES,
)
_SILENT = gettext_lazy("Звонки не приходят")
UPLOADS_FAIL = CounterStatus(
    gettext_lazy("Последние выгрузки не прошли"),
    "danger",
    gettext_lazy("Метрика не приняла последние выгрузки: посмотрите, что с ними делать."),
    Cure.UPLOADS,
)
UPLOADS_REPEATED = CounterStatus(
    gettext_lazy("Последние выгрузки не прошли"),
    "warning",
    gettext_lazy("Последние выгрузки пока не проходят: мы повторяем их сами."),
    Cure.UPLOADS,
)
_STUCK_UPLOADS = gettext_lazy("Есть выгрузки, которые требуют внимания")
_UNKNOWN_FILES = gettext_lazy("В Метрике есть файлы, о которых база не знает")
_UNDECIDED = gettext_lazy("Есть звонки, которые ждут вашего решения")
_BEING_DECIDED = gettext_lazy("Пересчитываем звонки")
_WAITING_CALLS = gettext_lazy("Не настроен: звонки ждут")

LABELS: dict[Cure, str | Promise] = {
    Cure.ACCOUNTS: gettext_lazy("К аккаунтам"),
    Cure.SETTINGS: gettext_lazy("К настройкам"),
    Cure.SOURCES: gettext_lazy("Источники звонков"),
    Cure.UPLOADS: gettext_lazy("К звонкам"),
    Cure.STUCK_UPLOADS: gettext_lazy("К звонкам"),
    Cure.DECISIONS: gettext_lazy("К звонкам"),
    Cure.UNKNOWN_FILES: gettext_lazy("К звонкам"),
}
#: From the best to the worst.
TONES = ("success", "neutral", "info", "warning", "danger")


@dataclass(frozen=True)
class CounterState:
    """What is wrong first, in words, and where it is put right."""

    text: str | Promise
    tone: str
    sentence: str | Promise
    cure_url: str
    cure_label: str | Promise
    #: The text without the numbers of one counter: the card counts counters by it.
    group: str | Promise

    @property
    def is_fine(self) -> bool:
        return self.tone == "success"


def counter_states(
    cabinet: Cabinet, counters: Sequence[Counter], *, now: datetime
) -> dict[int, CounterState]:
    """Return the states by counter id, in eight queries. Load the counters with account and goal.

    A ninth one if there are counters whose settings were never saved.
    """
    flow = call_flow(cabinet)
    is_new = any(counter.configured_at is None for counter in counters)
    awaiting = awaiting_by_counter(cabinet, now=now) if is_new else {}
    failing = failing_counters(counter.pk for counter in counters)
    blockers = named_blockers_of(counters, now=now)
    for_person = _for_person(counters, now)
    progress = progress_of(counter.pk for counter in counters)
    return {
        counter.pk: _linked(
            counter,
            _being_decided(counter, progress.get(counter.pk), blockers[counter.pk])
            or _status(counter, flow, failing.get(counter.pk), blockers[counter.pk], now),
            for_person.get(counter.pk),
            waiting=awaiting.get(counter.pk, 0),
            is_stuck=failing.get(counter.pk, False),
        )
        for counter in counters
    }


def _being_decided(
    counter: Counter, progress: Progress | None, blocker: Blocker
) -> CounterStatus | None:
    """Return the state of a counter whose calls are decided again, unless something stops it."""
    if progress is None or blocker.title is HALTED or stop_status_of(counter):
        return None
    return CounterStatus(_BEING_DECIDED, "info", progress.sentence)


def _for_person(counters: Sequence[Counter], now: datetime) -> dict[int, CounterStatus]:
    """Return by counter id what waits for a person although everything else flows."""
    ids = [counter.pk for counter in counters]
    undecided = awaiting_decision(Q(pk__in=ids), now=now)
    found = {pk: _undecided(calls) for pk, _name, calls in undecided}
    found |= {pk: _stuck(uploads) for pk, uploads in stuck_uploads(ids).items()}
    return found | {
        pk: CounterStatus(_UNKNOWN_FILES, "warning", unknown.sentence, Cure.UNKNOWN_FILES)
        for pk, unknown in unknown_by_counter(ids).items()
    }


def _undecided(calls: int) -> CounterStatus:
    text = _(
        "Звонков с идентификатором, который не читается: %(count)d. Решите, передать ли их как "
        "непривязанные, или передайте верные записи. Остальные звонки уходят."
    )
    return CounterStatus(_UNDECIDED, "warning", text % {"count": calls}, Cure.DECISIONS)


def _stuck(uploads: int) -> CounterStatus:
    text = _(
        "Выгрузок, которые требуют внимания: %(count)d. Посмотрите, что с ними делать. Остальные "
        "звонки уходят."
    )
    return CounterStatus(_STUCK_UPLOADS, "warning", text % {"count": uploads}, Cure.STUCK_UPLOADS)


def worst_of(states: Iterable[CounterState]) -> CounterState | None:
    """Return the worst of the states, the first among equals; None if there are none."""
    return max(states, key=lambda state: TONES.index(state.tone), default=None)


def _status(
    counter: Counter,
    flow: CallFlow,
    failing: bool | None,
    blocker: Blocker,
    now: datetime,
) -> CounterStatus:
    own = status_of_counter(counter)
    if not own.is_fine:
        return own
    if blocker.title is HALTED:
        return CounterStatus(HALTED, "warning", blocker.sentence)
    without_calls = _of_sources(flow, now)
    if without_calls:
        return without_calls
    if failing is not None:
        return UPLOADS_FAIL if failing else UPLOADS_REPEATED
    return CounterStatus(blocker.title, "warning", blocker.sentence) if blocker.title else own


def _of_sources(flow: CallFlow, now: datetime) -> CounterStatus | None:
    if not flow.active_sources:
        return NO_SOURCE
    if not flow.has_calls or flow.last_at is None:
        return AWAITS_FIRST_CALL
    if flow.last_at > now - SILENT_AFTER:
        return None
    date = date_format(timezone.localtime(flow.last_at), "j E, H:i")
    text = _("С %(date)s источники ничего не присылали: проверьте, передаёт ли CallKeeper звонки.")
    return CounterStatus(_SILENT, "warning", text % {"date": date}, Cure.SOURCES)


def _linked(
    counter: Counter,
    status: CounterStatus,
    for_person: CounterStatus | None,
    *,
    waiting: int,
    is_stuck: bool,
) -> CounterState:
    if status.is_fine and for_person:
        status = for_person
    text, group = status.text, status.text
    if status is NOT_SAVED and waiting:
        text = _("Не настроен: звонков ждёт — %(count)s") % {"count": count_text(waiting)}
        group = _WAITING_CALLS
    return CounterState(
        text=text,
        group=group,
        tone=status.tone,
        sentence=status.sentence,
        cure_url=_url(counter, status.cure, is_stuck=is_stuck),
        cure_label=LABELS.get(status.cure, ""),
    )


def _url(counter: Counter, cure: Cure, *, is_stuck: bool) -> str:
    if cure is Cure.SETTINGS:
        return reverse("counters:settings", args=[counter.pk])
    if cure is Cure.SOURCES:
        return reverse("cabinets:sources")
    if cure is Cure.DECISIONS:
        return calls_url(counter.pk, state=DisplayState.NEEDS_DECISION)
    if cure is Cure.UNKNOWN_FILES:
        return reverse("calls:history", args=[counter.pk])
    if cure is Cure.STUCK_UPLOADS:
        return calls_url(counter.pk, state=DisplayState.NEEDS_ATTENTION)
    if cure is Cure.UPLOADS:
        state = DisplayState.NEEDS_ATTENTION if is_stuck else DisplayState.BATCHED
        return f"{reverse('calls:history', args=[counter.pk])}?state={state.value}"
    return f"{reverse('counters:list')}#accounts-title" if cure is Cure.ACCOUNTS else ""
