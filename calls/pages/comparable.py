"""Metrika's three reports of calls: their names, and which table of ours each compares with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.help_links import help_url


@dataclass(frozen=True)
class Report:
    """A report of Metrika; ``code``: its help page."""

    title: str | Promise
    code: str

    @property
    def url(self) -> str:
        """Return the path of its help page."""
        return help_url(self.code)


DETAILS = Report(_("«Звонки, детально»"), "report_details")
SOURCES = Report(_("«Источники звонков»"), "report_sources")
QUALITY = Report(_("«Качество обработки звонков»"), "report_quality")
NONE = Report(_("В Метрике такого числа нет"), "reports")


@dataclass(frozen=True)
class Comparable:
    """What a table compares with: ``reports``, and in what it differs."""

    reports: tuple[Report, ...]
    text: str | Promise


#: By the code of a table of the statistics page; «Итоги» names the report of each line.
OF_TABLES: Mapping[str, Comparable] = {
    "days": Comparable(
        (DETAILS, QUALITY),
        _(
            "Всего за день — с первым: там только звонки, которые Метрика приняла. Пропущенные и "
            "среднее время — со вторым, в нём звонков может быть меньше."
        ),
    ),
    "hours": Comparable(
        (NONE,), _("Среди трёх её отчётов по звонкам нет отчёта по часам суток за весь период.")
    ),
    "kinds": Comparable(
        (NONE,),
        _(
            "Наших видов звонка она не знает. Ближе всего отметка, привязан ли звонок, в отчёте "
            "«Звонки, детально»."
        ),
    ),
    "states": Comparable(
        (NONE,),
        _("Это состояния строк у нас. Принятые звонки Метрика перечисляет в «Звонки, детально»."),
    ),
    "reasons": Comparable(
        (NONE,), _("Это причины, по которым строка не ушла, ждёт или не принята Метрикой.")
    ),
    "counters": Comparable(
        (SOURCES,),
        _(
            "Долю привязанных сравнивайте в отчёте каждого счетчика: там одни привязанные звонки. "
            "Числа строк в Метрике нет: у нас это звонки и достижения цели вместе."
        ),
    ),
}
