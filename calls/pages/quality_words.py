"""What the factors of the link quality say: how it is, what mending brings, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.plurals import plural
from calls.queries.link_quality import DAYS
from calls.queries.quality_score import (
    AGE,
    COVERAGE,
    LATE,
    LINKED,
    REPEATS,
    VALIDITY,
    Factor,
    Quality,
)

TITLES: dict[str, Promise] = {
    COVERAGE: gettext_lazy("Идентификатор приходит"),
    VALIDITY: gettext_lazy("Идентификатор настоящий"),
    AGE: gettext_lazy("Звонок приходит вовремя"),
    REPEATS: gettext_lazy("У каждого посетителя свой идентификатор"),
    LINKED: gettext_lazy("Метрика находит визит"),
}
#: What to do when calls fail the factor.
STEPS: dict[str, Promise] = {
    COVERAGE: gettext_lazy(
        "Проверьте, что источник передаёт идентификатор посетителя (ClientID Метрики, yclid "
        "Директа или UserID) с каждым звонком посетителя сайта."
    ),
    VALIDITY: gettext_lazy(
        "Передавайте идентификатор текстом и берите ClientID у счетчика Метрики на этом сайте: "
        "ClientID других систем Метрика не знает."
    ),
    AGE: gettext_lazy(
        "Передавайте звонки сразу после разговора: визит Метрика ищет только за 21 день до "
        "обработки."
    ),
    REPEATS: gettext_lazy(
        "Один идентификатор стоит в звонках с 4 и больше телефонов. Проверьте, не подставляет ли "
        "источник постоянное значение."
    ),
    LINKED: gettext_lazy(
        "Сравните номер счетчика на сайте с номером в кабинете. Нашёлся ли визит у звонка, видно "
        "на его странице; причину Метрика не называет."
    ),
}
#: Help pages of the steps.
HELP = {
    COVERAGE: "identifiers",
    VALIDITY: "client_id_form",
    AGE: "expired",
    REPEATS: "identifiers",
    LINKED: "unmatched",
}
_CAUSES: dict[str, Promise] = {
    "unreadable": gettext_lazy("не читается: %(count)s"),
    "other_form": gettext_lazy("не похож на ClientID Метрики: %(count)s"),
    "later_visit": gettext_lazy("выдан посетителю после звонка: %(count)s"),
    "old": gettext_lazy("звонку больше 14 дней: %(count)s"),
    "too_old": gettext_lazy("звонку больше 21 дня: %(count)s"),
    LATE: gettext_lazy("больше 21 дня, и без годного идентификатора: %(count)s"),
}


@dataclass(frozen=True)
class FactorWords:
    """A factor in words."""

    title: str
    share: str
    counts: str
    #: The bad calls by cause, in a few words each.
    causes: list[str]
    gain: str
    step: str
    help_code: str
    tone: str


def words_of(factor: Factor, quality: Quality) -> FactorWords:
    """Return the words of a factor of this quality."""
    has_fault = bool(factor.bad or factor.earlier)
    return FactorWords(
        str(TITLES[factor.code]),
        percent(factor.share),
        counts_text(factor),
        _causes_of(factor),
        gain_text(factor, quality),
        str(STEPS[factor.code]) if has_fault else "",
        HELP[factor.code] if has_fault else "",
        tone_of(factor.share * 10),
    )


def _causes_of(factor: Factor) -> list[str]:
    if factor.code == LINKED:
        by_files = _("примерно, по итогам файлов")
        return [by_files if factor.is_estimate else _("по логам Метрики")]
    found = [
        str(_CAUSES[cause]) % {"count": number_format(count)}
        for cause, count in factor.causes.items()
        if count and cause in _CAUSES
    ]
    if factor.earlier:
        earlier = {"days": DAYS, "count": number_format(factor.earlier)}
        found.append(_("раньше этих отправок, за %(days)s дней, опоздали: %(count)s") % earlier)
    return found


def share_text(factor: Factor) -> str:
    """Return the share and the counts, such as «61 %, 488 из 800 звонков»."""
    values = {"share": percent(factor.share), "counts": counts_text(factor)}
    return _("%(share)s, %(counts)s") % values


def counts_text(factor: Factor) -> str:
    """Return the counts, such as «488 из 800 звонков»."""
    values = {"good": number_format(factor.good), "calls": number_format(factor.calls)}
    text = plural(
        factor.calls,
        _("%(good)s из %(calls)s звонка"),
        _("%(good)s из %(calls)s звонков"),
        _("%(good)s из %(calls)s звонков"),
    )
    return text % values


def percent(share: float) -> str:
    """Return a share in whole per cent; all and none are said of all and none only."""
    value = round(share * 100)
    if 0 < share < 1:
        value = min(max(value, 1), 99)
    return f"{value} %"


def gain_text(factor: Factor, quality: Quality) -> str:
    """Return what mending brings, or why that is not known."""
    if not factor.bad and factor.earlier:
        return _("среди просмотренных чинить нечего")
    if not factor.bad:
        return _("чинить нечего")
    if factor.code == LINKED:
        return _("заранее не сказать: причины у звонков разные")
    if factor.gain is None:
        return _unknown_gain(factor, quality)
    count = int(factor.gain)
    if count < 1:
        return _("меньше одного привязанного в неделю")
    text = plural(
        count,
        _("+%(count)s привязанный в неделю"),
        _("+%(count)s привязанных в неделю"),
        _("+%(count)s привязанных в неделю"),
    ) % {"count": number_format(count)}
    return _("не меньше: %(gain)s") % {"gain": text} if factor.is_at_least else text


def _unknown_gain(factor: Factor, quality: Quality) -> str:
    if quality.good_share is None and not quality.told:
        return _("ещё не посчитать: о привязке Метрика пока ничего не сообщила")
    if quality.good_share is None:
        return _("слишком мало, чтобы посчитать: о привязке известно у %(count)s из нужных 20") % {
            "count": number_format(quality.told)
        }
    if not factor.proved:
        return _("ещё не посчитать: логи Метрики об этих звонках не читали")
    return _("слишком мало, чтобы посчитать: в логах таких звонков %(count)s, нужно 10") % {
        "count": number_format(factor.proved)
    }


def basis_text(quality: Quality, *, has_proof: bool) -> str:
    """Say from which share of links the gains are counted; ``has_proof``: the logs are read."""
    if quality.good_share is None and quality.told:
        return _("Выигрыш не посчитан: привязка известна меньше чем у 20 звонков.")
    if quality.good_share is None:
        return _(
            "Сколько звонков привязывается, Метрика ещё не сообщила, поэтому выигрыш не посчитан."
        )
    share = {"share": percent(quality.good_share)}
    if quality.is_proved:
        return _(
            "Выигрыш: из звонков без этих недостатков по логам Метрики привязано %(share)s."
        ) % (share)
    text = _("Выигрыш: из отправленных звонков посетителей по итогам файлов привязано %(share)s.")
    more = (
        _("Точнее будет, когда логи Метрики назовут визиты хотя бы 20 звонков: проверка включена.")
        if has_proof
        else _("Точнее будет с проверкой по логам: её включают в настройках счетчика.")
    )
    return f"{text % share} {more}"


def read_text(quality: Quality) -> str:
    """Say which rows of the ledger were read; '' without any."""
    read = quality.read
    if not read.rows or read.first_at is None or read.last_at is None:
        return ""
    values = {
        "days": DAYS,
        "rows": number_format(read.rows),
        "first": _moment(read.first_at),
        "last": _moment(read.last_at),
        "calls": number_format(quality.calls),
    }
    if read.is_cut:
        return (
            _(
                "Посмотрели последние отправки из журнала, больше %(rows)s не читаем: звонки с "
                "%(first)s по %(last)s. Звонков посетителей сайта среди них: %(calls)s."
            )
            % values
        )
    return (
        _(
            "Посмотрели все отправки из журнала за %(days)s дней: %(rows)s, звонки с %(first)s по "
            "%(last)s. Звонков посетителей сайта среди них: %(calls)s."
        )
        % values
    )


def sent_text(quality: Quality) -> str:
    """Say how many rows were sent and what the logs say of them, as the ledger counts them."""
    read = quality.read
    values = {
        "sent": number_format(read.sent),
        "proved": number_format(read.proved),
        "linked": number_format(read.linked),
    }
    if not read.proved:
        return _("Ушло с идентификатором: %(sent)s, по логам не проверено ничего.") % values
    return (
        _(
            "Ушло с идентификатором: %(sent)s, из них проверено по логам: %(proved)s, визит "
            "найден: %(linked)s."
        )
        % values
    )


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E, H:i")


def tone_of(score: float | None) -> str:
    """Return the colour of a score between 0 and 10."""
    if score is None:
        return "neutral"
    return "success" if score >= 8 else "warning" if score >= 5 else "danger"
