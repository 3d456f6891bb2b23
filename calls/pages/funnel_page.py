"""The funnel: from the records that came in to the calls that Metrika linked to visits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.decision.reasons import REASON_TITLES
from calls.models import Call, Delivery, Intake
from calls.pages.funnel_steps import GROUPS, Rows, steps_table
from calls.pages.ledger_form import NO_COUNTER
from calls.pages.linked_share import LinkEvidence, Source
from calls.pages.number_table import Cell, Column, NumberTable, count, ledger_url, share
from calls.pages.sent_row import Cell as SentCell
from calls.pages.sent_row import cells_of
from calls.pages.upload_preview import values_of
from calls.queries.link_proofs import VALUES as LINK_VALUES
from calls.queries.link_totals import ProvedRows
from calls.queries.statistics import counted
from calls.states import DeliveryState, DisplayState
from calls.summary import read
from calls.summary.read import Period
from counters.models import Counter


@dataclass(frozen=True)
class Sample:
    """One real call: what came in, and the row as sent. Empty for who may not see phones."""

    call: Call
    record: str
    cells: Sequence[SentCell]
    #: Whether a person chose it by the link of a step; else it is the newest one in a file.
    is_chosen: bool = False
    is_in_file: bool = True


def funnel_tables(cabinet: Cabinet, period: Period, counter: Counter | None) -> list[NumberTable]:
    """Return the tables of the page; records and calls only of the whole cabinet."""
    by = ("counter_id", "shown", "reason")
    counters = [counter.pk] if counter else None
    sums = ("deliveries", "link_told", "linked")
    rows = read.deliveries(cabinet, period, by=by, counters=counters, sums=sums)
    evidence = LinkEvidence.of(cabinet, period, counter)
    linked = evidence.linked(rows)
    proofs = _proofs(evidence.every, linked.source, period, counter)
    of_counter = [
        steps_table(cabinet, rows, period, counter, linked),
        *([proofs] if proofs else []),
        _places(rows, period, counter),
    ]
    return (
        of_counter if counter else [_records(cabinet, period), _calls(cabinet, period), *of_counter]
    )


def _records(cabinet: Cabinet, period: Period) -> NumberTable:
    names = ("received", "created", "updated", "duplicate", "rejected")
    found = Intake.objects.filter(
        source__cabinet=cabinet, at__gte=period.start, at__lt=period.end
    ).aggregate(**{name: Sum(name) for name in names})
    sums = [found[name] or 0 for name in names]
    titles = (
        _("Получено записей"),
        _("Новые звонки"),
        _("Изменили известный звонок"),
        _("Уже были: повтор той же записи"),
        _("Отклонены: в записи ошибка"),
    )
    rows = [[Cell(t), count(n), share(n, sums[0])] for t, n in zip(titles, sums, strict=True)]
    note = _(
        "По времени получения, а ниже — по времени начала звонка, поэтому новых звонков здесь "
        "может быть больше или меньше, чем звонков ниже."
    )
    columns = [Column(_("Запись")), Column(_("Записей")), Column(_("Доля"))]
    return NumberTable("records", _("Что пришло"), columns, rows, note)


def _calls(cabinet: Cabinet, period: Period) -> NumberTable:
    (sums,) = read.calls(cabinet, period)
    calls, alone = sums["calls"], sums["unrouted"]
    lines = (
        (_("Звонков"), calls, ledger_url(period)),
        (_("Не относятся ни к одному счетчику"), alone, ledger_url(period, counter=NO_COUNTER)),
        (_("Относятся хотя бы к одному"), calls - alone, ""),
    )
    rows = [[Cell(title), count(number, url), share(number, calls)] for title, number, url in lines]
    columns = [Column(_("Шаг")), Column(_("Звонков")), Column(_("Доля"))]
    return NumberTable("calls", _("Какие звонки относятся к счетчикам"), columns, rows)


def _proofs(
    found: ProvedRows | None, source: Source, period: Period, counter: Counter | None
) -> NumberTable | None:
    """Return what the logs say of these rows; None when they were not read.

    ``source``: what the step of the linked ones is counted by.
    """
    if found is None:
        note = _("Проверенных строк слишком много, чтобы считать их здесь: выберите меньше дней.")
        return NumberTable("proofs", _("Что показали логи Метрики"), [], [], note)
    if found.read_at is None:
        return None
    rows = [
        [
            Cell(str(title)),
            _proved_cell(
                found, value, ledger_url(period, link=value, counter=counter and counter.pk)
            ),
            share(found.of(value), found.linkable),
        ]
        for value, title in LINK_VALUES.items()
        if found.rows.get(value, 0)
    ]
    if found.count > found.linkable:
        others = count(found.count - found.linkable)
        rows.append([Cell(_("Статические и отправленные непривязанными")), others, Cell("—")])
    rows.append([Cell(_("Всего проверено")), count(found.count), Cell("—")])
    columns = [Column(_("По логам")), Column(_("Строк")), Column(_("Доля"))]
    return NumberTable(
        "proofs", _logs_title(found.read_at), columns, rows, _logs_note(found, source)
    )


def _proved_cell(found: ProvedRows, value: str, url: str) -> Cell:
    """Return the rows that could be linked, and their calls; those of the ledger are all."""
    number, every = found.of(value), found.rows[value]
    if number == every:
        return count(number, url)
    text = _("вместе со статическими и непривязанными: %(rows)s") % {"rows": number_format(every)}
    return replace(count(number), under=Cell(text, every, url))


def _logs_note(found: ProvedRows, source: Source) -> str:
    share_of = _("Доля — из тех, что можно было привязать: %(rows)s из %(every)s.") % {
        "rows": number_format(found.linkable),
        "every": number_format(found.count),
    }
    if source is Source.LOGS:
        return f"{share_of} {_('Шаг «Привязаны, по логам» выше — эти же строки.')}"
    note = _(
        "Логи называют визит каждой строки, но проверены не все: только счетчики с включённой "
        "проверкой и дни, логи которых уже прочитаны. Шаг «%(step)s» выше — о всех строках дней, "
        "поэтому числа различаются. Верьте логам."
    )
    return f"{share_of} {note % {'step': source.step}}"


def _logs_title(read_at: datetime) -> str:
    moment = date_format(timezone.localtime(read_at), "j E, H:i")
    return _("Что показали логи Метрики на %(at)s") % {"at": moment}


def _places(
    rows: Sequence[Mapping[str, Any]], period: Period, counter: Counter | None
) -> NumberTable:
    labels = dict(DisplayState.choices)
    titles: Mapping[str, Any] = REASON_TITLES
    found = counted(rows, lambda row: (row["shown"], row["reason"]))
    every = sum(found.values())
    lines = []
    for group in GROUPS:
        for (state, reason), number in found.items():
            if state in group:
                filters = {"state": state, "reason": reason, "counter": counter and counter.pk}
                url = ledger_url(period, **filters)
                name = Cell(str(labels[state]), url=url)
                lines.append(
                    [
                        name,
                        Cell(str(titles.get(reason, reason))),
                        count(number),
                        share(number, every),
                    ]
                )
    every_url = Rows(tuple(DisplayState)).url(period, counter)
    lines.append([Cell(_("Всего")), Cell(""), count(every, every_url), share(every, every)])
    columns = [Column(_("Состояние")), Column(_("Причина")), Column(_("Строк")), Column(_("Доля"))]
    return NumberTable("places", _("Где сейчас каждая строка"), columns, lines)


def sample_of(
    cabinet: Cabinet,
    period: Period,
    counter: Counter | None,
    *,
    chosen: str = "",
    sees_phones: bool,
) -> Sample | None:
    """Return the call of the period that is chosen by its id, else the newest that is in a file.

    None when there is none.
    """
    found = _chosen(cabinet, period, chosen)
    if found is not None:
        return _chosen_sample(found, counter, sees_phones=sees_phones)
    row = _newest_in_file(cabinet, period, counter)
    return _sample(row, sees_phones=sees_phones) if row else None


def _chosen(cabinet: Cabinet, period: Period, chosen: str) -> Call | None:
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < 19):
        return None
    calls = Call.objects.filter(partition_at__gte=period.start, partition_at__lt=period.end)
    return calls.filter(cabinet=cabinet, pk=int(chosen)).first()


def _chosen_sample(call: Call, counter: Counter | None, *, sees_phones: bool) -> Sample:
    """Return the call, and its row in a file if it has one."""
    rows = Delivery.objects.filter(
        call_id=call.pk, partition_at=call.partition_at, row_number__isnull=False
    )
    of_counter = rows.filter(counter=counter) if counter else rows
    row = of_counter.order_by("channel", "counter_id").first()
    found = _sample_of_call(call, row, sees_phones=sees_phones)
    return replace(found, is_chosen=True, is_in_file=row is not None)


def _newest_in_file(cabinet: Cabinet, period: Period, counter: Counter | None) -> Delivery | None:
    rows = Delivery.objects.filter(
        partition_at__gte=period.start, partition_at__lt=period.end, state=DeliveryState.BATCHED
    ).order_by("-partition_at", "-call_id")
    counters = cabinet.counters.filter(pk=counter.pk) if counter else cabinet.counters.all()
    # The newest of each counter by the index of its history.
    newest = counters.annotate(
        newest_at=Subquery(rows.filter(counter=OuterRef("pk")).values("partition_at")[:1]),
    ).filter(newest_at__isnull=False)
    found = newest.order_by("-newest_at", "pk").first()
    return rows.filter(counter=found, partition_at=found.newest_at).first() if found else None


def _sample(row: Delivery, *, sees_phones: bool) -> Sample | None:
    call = Call.objects.filter(pk=row.call_id, partition_at=row.partition_at).first()
    return _sample_of_call(call, row, sees_phones=sees_phones) if call else None


def _sample_of_call(call: Call, row: Delivery | None, *, sees_phones: bool) -> Sample:
    if not sees_phones:
        return Sample(call, "", [])
    record = json.dumps(call.raw, ensure_ascii=False, indent=2)
    if row is None or row.upload_id is None or row.row_number is None:
        return Sample(call, record, [])
    place = (row.upload_id, row.row_number)
    values = values_of([place]).get(place, {})
    filled = {column: value for column, value in values.items() if value}
    return Sample(call, record, cells_of(filled))
