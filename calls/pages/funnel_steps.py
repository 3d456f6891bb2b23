"""The steps of the funnel: rows of the ledger by how far they came, drawn and linked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from calls.pages.number_table import Bar, Cell, Column, NumberTable, count, ledger_url, share
from calls.queries.ledger_filters import CallFilters
from calls.queries.ledger_walk import Place, newest
from calls.queries.statistics import counted
from calls.states import DisplayState
from calls.summary.read import Period
from counters.models import Counter

S = DisplayState
HELD = (S.HELD, S.AWAITS_SETTINGS, S.AWAITS_GOAL, S.NEEDS_DECISION, S.NOT_FINISHED, S.WAITING)
NOT_SENT = (S.SKIPPED, S.EXPIRED)
IN_FILE = (S.BATCHED, S.UNCLEAR)
NOT_ACCEPTED = (S.SENT, S.ROW_REFUSED, S.NEEDS_ATTENTION)
ACCEPTED = (
    S.ACCEPTED,
    S.PARTLY_LINKED,
    S.LINK_UNKNOWN,
    S.ACCEPTED_STATIC,
    S.UNMATCHED,
    S.PARTLY_ACCEPTED,
)
#: Every state is in one of them, so that their counts add up to all rows.
GROUPS = (HELD, NOT_SENT, IN_FILE, NOT_ACCEPTED, ACCEPTED)
#: States of files with linked rows, and those of accepted rows that are not linked.
WITH_LINKED = (S.ACCEPTED, S.PARTLY_LINKED)
NOT_LINKED = tuple(state for state in ACCEPTED if state != S.ACCEPTED)


class Step(NamedTuple):
    """A step: the states of rows that reached it, and of those that stayed at the one before."""

    title: str | Promise
    reached: Collection[DisplayState]
    stayed: Collection[DisplayState]
    is_linked: bool = False


STEPS = (
    Step(gettext_lazy("Отнесены к счетчикам"), sum(GROUPS, ()), ()),
    Step(gettext_lazy("Не отложены и не ждут"), sum(GROUPS[1:], ()), HELD),
    Step(gettext_lazy("Прошли правила: попали в файл"), sum(GROUPS[2:], ()), NOT_SENT),
    Step(gettext_lazy("Файл отправлен"), sum(GROUPS[3:], ()), IN_FILE),
    Step(gettext_lazy("Приняты Метрикой"), ACCEPTED, NOT_ACCEPTED),
    Step(gettext_lazy("Привязаны к визитам"), WITH_LINKED, NOT_LINKED, is_linked=True),
)


def steps_table(
    cabinet: Cabinet, rows: Sequence[Mapping[str, Any]], period: Period, counter: Counter | None
) -> NumberTable:
    """Return the steps of these rows, each a link to its calls and to those that stayed before."""
    by_state = counted(rows, lambda row: row["shown"])
    linked = round(sum(row["linked"] for row in rows))
    table, bars = [], []
    before = every = sum(by_state.values())
    examples = _examples(cabinet, by_state, period, counter)
    for step, example in zip(STEPS, examples, strict=True):
        reached = linked if step.is_linked else _count(by_state, step.reached)
        title = str(step.title)
        table.append(
            [
                Cell(title),
                count(reached, ledger_of_states(period, counter, step.reached)),
                share(reached, every),
                count(before - reached, ledger_of_states(period, counter, step.stayed)),
                example,
            ]
        )
        bars.append(Bar.of(title, reached, before, every))
        before = reached
    return NumberTable(
        "steps", _("Путь до Метрики"), _step_columns(), table, _step_note(), bars=bars
    )


def _step_columns() -> list[Column]:
    return [
        Column(_("Шаг")),
        Column(_("Дошло"), series=True),
        Column(_("Доля")),
        Column(_("Осталось на прошлом шаге")),
        Column(_("Последний дошедший")),
    ]


def _step_note() -> str:
    return _(
        "Считаются отправки: у звонка их по одной на каждый счетчик и канал, поэтому звонков, "
        "которые откроет число, может быть меньше. Какие строки файла привязаны и какие не "
        "приняты, Метрика не сообщает, только сколько их: «Приняты» — все строки принятого файла, "
        "а «Привязаны» откроют звонки файлов, в которых есть привязанные. День звонка — "
        "тот, с которым он пришёл впервые: исправление начала его не меняет, в списке тоже."
    )


def _count(by_state: Mapping[str, int], states: Collection[str]) -> int:
    return sum(by_state.get(state, 0) for state in states)


def ledger_of_states(period: Period, counter: Counter | None, states: Collection[str]) -> str:
    """Return the address of the calls in these states; '' of none."""
    if not states:
        return ""
    return ledger_url(period, state=",".join(states), counter=counter and counter.pk)


def _examples(
    cabinet: Cabinet, by_state: Mapping[str, int], period: Period, counter: Counter | None
) -> list[Cell]:
    """Return a link to the newest call of each step that is quickly found.

    Whoever reaches a step has reached those before it: the search goes on where the last one ended.
    """
    cells: list[Cell] = []
    place: Place | None = None
    for step in STEPS:
        cell = Cell("—")
        if _count(by_state, step.reached) and (place or not cells):
            filters = CallFilters(
                first_day=period.first,
                last_day=period.last,
                counter=counter.pk if counter else None,
                state=",".join(step.reached),
            )
            place = newest(cabinet, filters, place, now=timezone.now())
            if place:
                url = reverse("calls:journey", args=[place.call_id])
                cell = Cell(_("звонок № %(pk)s") % {"pk": place.call_id}, url=url)
        cells.append(cell)
    return cells
