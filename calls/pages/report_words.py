"""The words of a comparison with Metrika's reports: causes, verdicts, why it is not comparable."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.reconciliation.verdict import Cause, Verdict
from calls.states import Channel

#: A cause with the most that it can account for.
CAUSES: dict[Cause, str | Promise] = {
    Cause.RECENT: gettext_lazy(
        "отправлены меньше суток назад, в отчёте их может ещё не быть: может объяснять до %(count)s"
    ),
    Cause.STATIC: gettext_lazy(
        "статические звонки не привязываются к визитам, и в этом отчёте их может не быть: может "
        "объяснять до %(count)s"
    ),
    Cause.UNLINKED: gettext_lazy(
        "Метрика не нашла визит или не сообщила о нём: может объяснять до %(count)s"
    ),
    Cause.SAME_SECOND: gettext_lazy(
        "звонки одного посетителя в одну секунду — одно достижение цели: может объяснять до "
        "%(count)s"
    ),
    Cause.REPEATS: gettext_lazy(
        "отправлены повторно по вашему заказу: может объяснять до %(count)s"
    ),
    Cause.DOUBLED: gettext_lazy("файл стоит в Метрике дважды: может объяснять до %(count)s"),
    Cause.SITE: gettext_lazy("цель могла достигаться и на самом сайте"),
    Cause.SOMEBODY_ELSE: gettext_lazy(
        "звонки в этот счетчик может передавать кто-то ещё, другой сервис или прежняя интеграция: "
        "может объяснять до %(count)s"
    ),
    Cause.DAY_OF_VISIT: gettext_lazy(
        "отчёт может ставить звонок на день визита, а визит мог быть в другой день: может "
        "объяснять до %(count)s"
    ),
    Cause.PENDING: gettext_lazy(
        "отправлены, но Метрика ещё не сообщила, сколько приняла: может объяснять до %(count)s"
    ),
    Cause.SPANS: gettext_lazy(
        "в файле звонки нескольких дней: сколько принято за какой день, Метрика не сообщает, "
        "неясно: %(count)s"
    ),
}
#: Causes that together account for more than the difference.
OVERLAP = gettext_lazy(
    "вместе это больше разницы: один и тот же звонок может подходить под несколько причин"
)
#: What the number of calls by API holds; the same words stand on every page that names the report,
#: and in the help (`reports`). Sources: `calls.reconciliation.verdict`.
QUALITY = gettext_lazy(
    "Есть ли в этом числе статические и непривязанные звонки, Метрика прямо не говорит. По её "
    "документации показатель считается по визитам, а у таких звонков визита нет; там же сказано, "
    "что статические звонки в отчётах есть, но не сказано, в каких. Поэтому они могут быть в этом "
    "числе, а могут и не быть. День звонка в отчёте может быть днём визита."
)
#: What the numbers of a period show to be in the report.
EVIDENCE: dict[tuple[Cause, ...], str | Promise] = {
    (): "",
    (Cause.STATIC,): gettext_lazy(
        "По этим числам видно: статические звонки в отчёте счетчика есть, хотя бы часть."
    ),
    (Cause.UNLINKED,): gettext_lazy(
        "По этим числам видно: непривязанные звонки в отчёте счетчика есть, хотя бы часть."
    ),
    (Cause.STATIC, Cause.UNLINKED): gettext_lazy(
        "По этим числам видно: и статические, и непривязанные звонки в отчёте счетчика есть, хотя "
        "бы часть."
    ),
}
SAMPLED = gettext_lazy("Метрика посчитала отчёт по выборке: это оценка, а не число звонков.")
CUT = gettext_lazy(
    "Метрика скрыла часть отчёта: строки, где меньше 10 посетителей, она не показывает."
)
NO_REPORT = gettext_lazy("Отчёта за этот день ещё нет.")
EARLIER = gettext_lazy("Отчёт читается за 30 дней, этот день раньше.")
NO_GOAL = gettext_lazy("В отчёте нет выбранной цели: её выбрали после отчёта или удалили.")
OTHER_GOAL = gettext_lazy("В этот день звонки ушли в другую цель, чем выбрана сейчас.")
NOT_COMPARABLE = gettext_lazy("не сопоставимо")
NOTHING = gettext_lazy("нечего сравнивать")


def cause_words(verdict: Verdict) -> list[str]:
    """Return the possible causes in words, and whether they overlap."""
    words = [
        str(CAUSES[cause]) % {"count": number_format(count)} for cause, count in verdict.causes
    ]
    return [*words, str(OVERLAP)] if verdict.overlaps else words


def difference_text(verdict: Verdict) -> str:
    """Return report less accepted: a number, or a range of a file that spans days."""
    low, high = verdict.difference_low, verdict.difference_high
    if low == high:
        return signed(low)
    return range_text(signed(low), signed(high))


def range_text(low: str, high: str) -> str:
    """Return «от … до …»."""
    return low if low == high else _("от %(low)s до %(high)s") % {"low": low, "high": high}


def counts_text(low: int, high: int) -> str:
    """Return a count that is known only within bounds."""
    return range_text(number_format(low), number_format(high))


def signed(number: int) -> str:
    """Return a number with its sign; a true minus, as a person writes it."""
    if number == 0:
        return "0"
    return f"{'−' if number < 0 else '+'}{number_format(abs(number))}"


def badge_of(verdict: Verdict, *, is_notable: bool) -> tuple[str, str]:
    """Return tone and text of the verdict in a word or two."""
    tone = "warning" if is_notable else "info"
    count = {"count": number_format(abs(verdict.unexplained))}
    if verdict.agrees:
        return "success", _("сходится")
    if verdict.unexplained < 0:
        return tone, _("меньше на %(count)s") % count
    if verdict.unexplained > 0:
        return tone, _("больше на %(count)s") % count
    if verdict.may_agree:
        return "neutral", _("возможно, сходится")
    return "neutral", _("объяснимо") if verdict.is_explicable else _("причина неизвестна")


def period_sentence(
    verdict: Verdict, reported: int, accepted: str, channel: Channel, *, is_notable: bool
) -> str:
    """Return what the comparison of the whole period says."""
    values = {"reported": number_format(reported), "accepted": accepted}
    values["count"] = number_format(abs(verdict.unexplained))
    if channel == Channel.GOAL:
        text = _("Достижений цели в отчёте Метрики: %(reported)s, принято от нас: %(accepted)s.")
    else:
        text = _("Звонков в отчёте Метрики: %(reported)s, принято от нас: %(accepted)s.")
    return f"{text % values} {_conclusion(verdict, is_notable=is_notable) % values}"


def evidence_sentence(counted: tuple[Cause, ...]) -> str:
    """Return which calls without a visit the report has by its numbers; '' if they do not tell."""
    return str(EVIDENCE[counted])


def _conclusion(verdict: Verdict, *, is_notable: bool) -> str:
    if verdict.agrees:
        return _("Числа сходятся.")
    if not verdict.unexplained:
        return _without_gap(verdict)
    if not is_notable:
        return _(
            "Без точного объяснения %(count)s: это мало для таких чисел, обычно это звонки, чей "
            "визит попал на другой день."
        )
    if verdict.unexplained < 0:
        return _(
            "В отчёте не хватает: %(count)s. Столько звонков Метрика сама назвала привязанными. "
            "Проверьте фильтры отчёта и «Звонки, детально» в Метрике."
        )
    return _(
        "В отчёте лишние: %(count)s. Мы их не отправляли: проверьте, не передаёт ли звонки в этот "
        "счетчик другой сервис."
    )


def _without_gap(verdict: Verdict) -> str:
    if verdict.may_agree:
        return _("Числа могут сходиться: сколько именно принято за эти дни, точно неизвестно.")
    if verdict.is_explicable:
        return _("Разницу могут объяснить причины ниже.")
    return _("Причина разницы неизвестна.")
