"""The steps of the funnel: rows of the ledger by how far they came, drawn and linked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from calls.pages.number_table import Bar, Cell, Column, NumberTable, count, ledger_url, share
from calls.queries.ledger_filters import NOT_SENT as NOT_WITH_METRIKA
from calls.queries.ledger_filters import SENT, CallFilters
from calls.queries.ledger_walk import Place, newest
from calls.queries.link_proofs import LINKED
from calls.queries.redecision import grouped
from calls.queries.statistics import counted
from calls.states import Attention, DisplayState
from calls.summary.read import Period
from counters.models import Counter

if TYPE_CHECKING:
    from calls.pages.linked_share import LinkedShare

S = DisplayState
HELD = (S.HELD, S.AWAITS_SETTINGS, S.AWAITS_GOAL, S.NEEDS_DECISION, S.NOT_FINISHED, S.WAITING)
NOT_SENT = (S.SKIPPED, S.EXPIRED)
IN_FILE = (S.BATCHED, S.UNCLEAR, S.ROW_REFUSED)
#: Rows of files that Metrika has not processed, or that need attention. Some of the latter are with
#: Metrika, and the others are not: `TAKEN`.
NOT_ACCEPTED = (S.SENT, S.NEEDS_ATTENTION)
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
#: Why a file needs attention although Metrika has it: in the other cases it never took the file, or
#: nobody knows. It is the only state that does not tell by itself whether Metrika has the row.
TAKEN = (Attention.DUPLICATE, Attention.NO_OUTCOME)
#: States of rows that the rules let go: to be sent, on their way, with Metrika or refused by it.
TO_SEND = (S.WAITING, S.HELD, *IN_FILE, *NOT_ACCEPTED, *ACCEPTED)
#: States of files in which rows are linked, or may be: Metrika did not tell of all of them. The
#: other accepted files have no linked row; `NOT_LINKED` are all that may have rows without a visit.
HAVE_LINKED = (S.ACCEPTED, S.PARTLY_LINKED, S.PARTLY_ACCEPTED)
WITH_LINKED = (*HAVE_LINKED, S.LINK_UNKNOWN)
NOT_LINKED = tuple(state for state in ACCEPTED if state != S.ACCEPTED)


@dataclass(frozen=True)
class Rows:
    """Rows of the ledger by their states; ``stage``: only those that Metrika has, or has not."""

    states: Collection[DisplayState]
    stage: str = ""

    def has(self, state: str, reason: str) -> bool:
        """Whether a row that is shown in the state for the reason is one of them."""
        if state not in self.states:
            return False
        if not self.stage or state != S.NEEDS_ATTENTION:
            return True
        return (reason in TAKEN) == (self.stage == SENT)

    def count(self, found: Mapping[tuple[str, str], int]) -> int:
        """Return how many of the rows, by state and reason, are some of them."""
        return sum(number for key, number in found.items() if self.has(*key))

    def url(self, period: Period, counter: Counter | None, **more: Any) -> str:
        """Return the address of their calls; '' of none."""
        if not self.states:
            return ""
        filters = {"state": ",".join(self.states), "stage": self.stage, **more}
        return ledger_url(period, **filters, counter=counter and counter.pk)


@dataclass(frozen=True)
class Step:
    """A step: the rows that reached it, and those that stayed at the one before."""

    title: str | Promise
    reached: Rows
    stayed: Rows
    is_linked: bool = False


WITH_METRIKA = Rows((*NOT_ACCEPTED, *ACCEPTED), SENT)


STEPS = (
    Step(gettext_lazy("Отнесены к счетчикам"), Rows(sum(GROUPS, ())), Rows(())),
    Step(gettext_lazy("Не отложены и не ждут"), Rows(sum(GROUPS[1:], ())), Rows(HELD)),
    Step(gettext_lazy("Прошли правила: попали в файл"), Rows(sum(GROUPS[2:], ())), Rows(NOT_SENT)),
    Step(
        gettext_lazy("Отправлены: файл у Метрики"),
        WITH_METRIKA,
        Rows((*IN_FILE, S.NEEDS_ATTENTION), NOT_WITH_METRIKA),
    ),
    Step(gettext_lazy("Приняты Метрикой"), Rows(ACCEPTED), Rows(NOT_ACCEPTED, SENT)),
    # Its title tells what it is counted by: `calls.pages.linked_share`.
    Step(gettext_lazy("Привязаны"), Rows(WITH_LINKED), Rows(NOT_LINKED), is_linked=True),
)


def steps_table(
    cabinet: Cabinet,
    rows: Sequence[Mapping[str, Any]],
    period: Period,
    counter: Counter | None,
    links: LinkedShare,
) -> NumberTable:
    """Return the steps of these rows, each a link to its calls and to those that stayed before."""
    found = counted(rows, lambda row: (row["shown"], row["reason"]))
    linked = round(links.linked)
    table, bars = [], []
    before = every = sum(found.values())
    examples = _examples(cabinet, _sampled(found, linked), period, counter)
    for step, example in zip(STEPS, examples, strict=True):
        reached = linked if step.is_linked else step.reached.count(found)
        title = str(links.source.step if step.is_linked else step.title)
        cells = _cells(step, (reached, before - reached), found, period, counter, links)
        part = share(links.linked if step.is_linked else reached, every)
        if step.is_linked and links.of:
            part = replace(part, under=Cell(links.words))
        table.append([Cell(title), cells[0], part, cells[1], example])
        bars.append(Bar.of(title, reached, before, every))
        before = reached
    note = _step_note(links, Rows((S.PARTLY_ACCEPTED,)).count(found))
    return NumberTable("steps", _("Путь до Метрики"), _step_columns(), table, note, bars=bars)


def _cells(
    step: Step,
    numbers: tuple[int, int],
    found: Mapping[tuple[str, str], int],
    period: Period,
    counter: Counter | None,
    links: LinkedShare,
) -> list[Cell]:
    """Return the rows that reached the step and those that stayed, each with its address.

    By files only the files of the linked ones are known: their rows stand beneath, with the
    address.
    """
    places = (step.reached, step.stayed)
    urls = [place.url(period, counter) for place in places]
    if step.is_linked and links.is_by_logs:
        urls = [ledger_url(period, link=LINKED, counter=counter and counter.pk), ""]
    if not step.is_linked or links.is_by_logs:
        return [count(number, url) for number, url in zip(numbers, urls, strict=True)]
    texts = (
        _("В файлах, где есть или могут быть привязанные, отправок: %(rows)s"),
        _("В файлах, где привязаны не все или это неизвестно, отправок: %(rows)s"),
    )
    cells = []
    for number, place, url, text in zip(numbers, places, urls, texts, strict=True):
        rows = place.count(found)
        under = Cell(text % {"rows": grouped(rows)}, rows, url) if rows else None
        cells.append(replace(count(number), under=under))
    return cells


def _step_columns() -> list[Column]:
    return [
        Column(_("Шаг")),
        Column(_("Дошло"), series=True),
        Column(_("Доля")),
        Column(_("Осталось на прошлом шаге")),
        Column(_("Последний дошедший")),
    ]


def _step_note(links: LinkedShare, partly: int) -> str:
    """Return what is counted; ``partly``: rows of files that Metrika accepted in part."""
    note = _(
        "Считаются отправки: у звонка их по одной на каждый счетчик и канал, поэтому звонков, "
        "которые откроет число, может быть меньше. «Приняты» — все строки принятого файла: какие "
        "из них не приняты, Метрика не сообщает. День звонка — тот, с которым он пришёл впервые: "
        "исправление начала его не меняет, в списке тоже."
    )
    note = f"{note} {links.source.how}"
    if not partly:
        return note
    more = _(
        "Среди принятых есть строки файлов, которые Метрика приняла не целиком: %(rows)s. Сколько "
        "из них она приняла, показывает сверка с Метрикой: она считает по строкам, которые "
        "насчитала сама Метрика."
    )
    return f"{note} {more % {'rows': grouped(partly)}}"


def _sampled(found: Mapping[tuple[str, str], int], linked: int) -> list[Rows]:
    """Return of each step the rows of which it shows the newest; none of a step without any."""
    sampled = [
        replace(step.reached, states=HAVE_LINKED) if step.is_linked else step.reached
        for step in STEPS
    ]
    return [
        rows if rows.count(found) and (linked or not step.is_linked) else Rows(())
        for step, rows in zip(STEPS, sampled, strict=True)
    ]


def _examples(
    cabinet: Cabinet, sampled: Sequence[Rows], period: Period, counter: Counter | None
) -> list[Cell]:
    """Return a link to the sample of the newest call of each step that is quickly found.

    Whoever reaches a step has reached those before it: the search goes on where the last one ended.
    """
    cells: list[Cell] = []
    place: Place | None = None
    for rows in sampled:
        cell = Cell("—")
        if rows.states and (place or not cells):
            filters = CallFilters(
                first_day=period.first,
                last_day=period.last,
                counter=counter.pk if counter else None,
                state=",".join(rows.states),
                stage=rows.stage,
            )
            place = newest(cabinet, filters, place, now=timezone.now())
            if place:
                url = _sample_url(period, counter, place.call_id)
                cell = Cell(_("звонок № %(pk)s") % {"pk": place.call_id}, url=url)
        cells.append(cell)
    return cells


def _sample_url(period: Period, counter: Counter | None, call_id: int) -> str:
    """Return the page with what came in of this call, and what went out."""
    values: dict[str, Any] = {"from": period.first, "to": period.last, "sample": call_id}
    query = urlencode(values | ({"counter": counter.pk} if counter else {}))
    return f"{reverse('calls:funnel')}?{query}#sample"
