"""How many rows Metrika linked to visits: by its logs where these name every row, else by files.

The only definition of that number: the funnel and the statistics show the same one of the same
rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from calls.pages.funnel_steps import WITH_METRIKA
from calls.pages.number_table import Cell, share
from calls.queries.link_totals import ProvedRows, divided_counters, proved_by_counter
from calls.states import DisplayState
from calls.summary.read import Period
from counters.models import Counter

#: Less than this is what adding fractions loses.
_NO_ROW = 1e-6


class Source(Enum):
    """What linked rows are counted by: a few words, the titles of a step and a share, how."""

    #: Metrika's logs name each row that may be linked.
    LOGS = (
        gettext_lazy("по логам"),
        gettext_lazy("Привязаны, по логам"),
        gettext_lazy("Доля привязанных, по логам"),
        gettext_lazy("Привязанные посчитаны по логам Метрики: они назвали каждую строку."),
    )
    #: Metrika told how many rows of each file are linked, and no such file has rows elsewhere.
    FILES = (
        gettext_lazy("по файлам"),
        gettext_lazy("Привязаны, по файлам"),
        gettext_lazy("Доля привязанных, по файлам"),
        gettext_lazy(
            "Привязанные посчитаны по файлам: Метрика сообщает, сколько строк файла привязано, но "
            "не какие, поэтому под числом названы строки таких файлов. О каждой строке говорят "
            "логи Метрики, если проверка включена."
        ),
    )
    #: Some files have rows outside of the days as well: their linked rows are divided evenly.
    ESTIMATE = (
        gettext_lazy("оценка по файлам"),
        gettext_lazy("Привязаны, оценка по файлам"),
        gettext_lazy("Доля привязанных, оценка по файлам"),
        gettext_lazy(
            "Привязанные — оценка: Метрика сообщает, сколько строк файла привязано, но не какие. В "
            "некоторых файлах есть звонки и других дней, и привязанные такого файла поделены "
            "поровну между всеми его строками. Под числом названы строки файлов. Точно о каждой "
            "строке говорят логи Метрики, если проверка включена."
        ),
    )
    #: Some counters by logs, the others by files.
    MIXED = (
        gettext_lazy("оценка по логам и файлам"),
        gettext_lazy("Привязаны, оценка по логам и файлам"),
        gettext_lazy("Доля привязанных, оценка по логам и файлам"),
        gettext_lazy(
            "Счетчики, у которых логи Метрики назвали каждую строку, посчитаны по логам, остальные "
            "— по файлам. Для остальных это оценка: Метрика сообщает, сколько строк файла "
            "привязано, но не какие, и если в файле есть звонки и других дней, его привязанные "
            "поделены поровну между всеми его строками. Под числом названы строки файлов."
        ),
    )

    def __init__(self, words: Promise, step: Promise, share_title: Promise, how: Promise) -> None:
        self.words, self.step, self.share_title, self.how = words, step, share_title, how


@dataclass(frozen=True)
class LinkedShare:
    """Linked rows, and those they are a share of: the ones of which it is known."""

    linked: float
    of: int
    source: Source
    #: The counters that are counted by logs.
    by_logs: frozenset[int] = frozenset()

    @property
    def is_by_logs(self) -> bool:
        """Whether it is a count of rows that the logs name."""
        return self.source is Source.LOGS

    @property
    def cell(self) -> Cell:
        """The share."""
        return share(self.linked, self.of)

    @property
    def words(self) -> str:
        """The share and what it is of."""
        text = (
            _("из тех, что могли привязаться (%(rows)s): %(share)s")
            if self.by_logs
            else _("из тех, о привязке которых Метрика сообщила (%(rows)s): %(share)s")
        )
        rows = number_format(self.of, force_grouping=True)
        return text % {"rows": rows, "share": self.cell.text}


@dataclass(frozen=True)
class LinkEvidence:
    """What is known of the links of a period's rows beside the sums, by counter."""

    #: What the logs say; None when these rows are too many to count.
    proved: Mapping[int, ProvedRows] | None
    #: Counters with files of which some rows are linked, and some are not of the period.
    divided: frozenset[int] = frozenset()

    @classmethod
    def of(cls, cabinet: Cabinet, period: Period, counter: Counter | None) -> LinkEvidence:
        """Return that of a period; two queries."""
        values = (cabinet, period.start, period.end)
        divided = divided_counters(*values, counter=counter)
        return cls(proved_by_counter(*values, counter=counter), divided)

    @classmethod
    def of_logs(cls, cabinet: Cabinet, period: Period, counter: Counter | None) -> LinkEvidence:
        """Return only what the logs say of a period; one query."""
        values = (cabinet, period.start, period.end)
        return cls(proved_by_counter(*values, counter=counter))

    @property
    def every(self) -> ProvedRows | None:
        """What the logs say of all counters together."""
        return None if self.proved is None else ProvedRows.sum(self.proved.values())

    def linked(self, rows: Sequence[Mapping[str, Any]]) -> LinkedShare:
        """Return the linked ones of these rows of `calls.summary`: all of some counters.

        Their keys are `counter_id`, `shown` and `reason`, maybe among others. It is the sum of the
        counters' own.
        """
        by_counter: dict[int, list[Mapping[str, Any]]] = {}
        for row in rows:
            by_counter.setdefault(row["counter_id"], []).append(row)
        found = {pk: self._of_counter(pk, some) for pk, some in by_counter.items()}
        known = {pk: one for pk, one in found.items() if one.of}
        return LinkedShare(
            sum(one.linked for one in known.values()),
            sum(one.of for one in known.values()),
            _source_of({one.source for one in known.values()}),
            frozenset(pk for pk, one in known.items() if one.is_by_logs),
        )

    def _of_counter(self, pk: int, rows: Sequence[Mapping[str, Any]]) -> LinkedShare:
        proved = (self.proved or {}).get(pk, ProvedRows())
        may_link = sum(row["deliveries"] for row in rows if _may_link(row["shown"], row["reason"]))
        if 0 < may_link <= proved.linkable:
            return LinkedShare(proved.linked, proved.linkable, Source.LOGS)
        linked, told = sum(row["linked"] for row in rows), sum(row["link_told"] for row in rows)
        # A start that was corrected before the file was made may hide that the file is divided.
        is_count = abs(linked - round(linked)) < _NO_ROW and not (linked and pk in self.divided)
        return LinkedShare(linked, told, Source.FILES if is_count else Source.ESTIMATE)


def _source_of(sources: Collection[Source]) -> Source:
    """Return what the sum of counters is counted by."""
    if len(sources) == 1:
        return next(iter(sources))
    if Source.LOGS in sources:
        return Source.MIXED
    return Source.ESTIMATE if sources else Source.FILES


def _may_link(shown: str, reason: str) -> bool:
    """Whether rows that are shown so are with Metrika, and not surely in a static file."""
    return WITH_METRIKA.has(shown, reason) and shown != DisplayState.ACCEPTED_STATIC
