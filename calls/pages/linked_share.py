"""How many rows Metrika linked to visits: by its logs where these name every row, else by files.

The only definition of that number: the funnel and the statistics show the same one of the same
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def __init__(self, words: Promise, step: Promise, share_title: Promise, how: Promise) -> None:
        self.words, self.step, self.share_title, self.how = words, step, share_title, how


@dataclass(frozen=True)
class LinkedShare:
    """Linked rows, and those they are a share of: the ones of which it is known."""

    linked: float
    of: int
    source: Source

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
            if self.is_by_logs
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

        Their keys are `counter_id`, `shown` and `reason`, maybe among others.
        """
        proved = self._named(rows)
        if proved is not None:
            return LinkedShare(proved.linked, proved.linkable, Source.LOGS)
        linked, told = sum(row["linked"] for row in rows), sum(row["link_told"] for row in rows)
        is_divided = any(row["counter_id"] in self.divided and row["linked"] for row in rows)
        # A start that was corrected before the file was made may hide that the file is divided.
        is_count = not is_divided and abs(linked - round(linked)) < _NO_ROW
        return LinkedShare(linked, told, Source.FILES if is_count else Source.ESTIMATE)

    def _named(self, rows: Sequence[Mapping[str, Any]]) -> ProvedRows | None:
        """Return what the logs say of the rows if they name every one that may be linked."""
        may_link: dict[int, int] = {}
        for row in rows:
            if _may_link(row["shown"], row["reason"]):
                counter = row["counter_id"]
                may_link[counter] = may_link.get(counter, 0) + row["deliveries"]
        found = {pk: (self.proved or {}).get(pk, ProvedRows()) for pk in may_link}
        if not found or any(found[pk].linkable < number for pk, number in may_link.items()):
            return None
        return ProvedRows.sum(found.values())


def _may_link(shown: str, reason: str) -> bool:
    """Whether rows that are shown so are with Metrika, and not surely in a static file."""
    return WITH_METRIKA.has(shown, reason) and shown != DisplayState.ACCEPTED_STATIC
