"""A notice in words: what happened, what to do, and where. In the language in force.

Sentences about counters are those of `counters.causes`, so that no two pages differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.plurals import plural
from calls.states import DisplayState
from calls.ways.pull.words import error_words
from counters.causes import CALLBACK_GOAL_GONE, GOAL_GONE, OF_ACCESS, OF_STOP, CounterCause
from integrations.tokens.account_state import Reason
from notices.flow_words import WORDS_OF_FLOW
from notices.kinds import Kind
from notices.models import Notice
from notices.sentence import Facts, Words

__all__ = ["Words", "name_of", "words_of"]


def words_of(notice: Notice) -> Words:
    """Return the words of the notice."""
    return _OF_KIND[Kind(notice.kind)](notice.facts)


def name_of(notice: Notice) -> str:
    """Return the account, counter or source that the notice is about."""
    return str(notice.facts.get("login") or notice.facts.get("name") or "")


def _reconnect(facts: Facts) -> Words:
    text = _(
        "Аккаунт Яндекса %(login)s нужно переподключить: звонки ждут и уйдут сами, когда доступ "
        "появится."
    )
    if facts.get("reason") == Reason.SCOPE_LOST:
        text = _(
            "Аккаунту Яндекса %(login)s не хватает прав на отправку: переподключите его и оставьте "
            "все разрешения. Звонки ждут."
        )
    if facts.get("reason") == Reason.COPY:
        text = _(
            "Доступ к аккаунту Яндекса %(login)s в этой копии кабинета удалён: звонки ждут. Чтобы "
            "проверить отправку, подключите аккаунт песочницы."
        )
    return Words(text % facts, reverse("counters:list"), _("Переподключить"))


def _reconnect_soon(facts: Facts) -> Words:
    text = _(
        "Аккаунт Яндекса %(login)s нужно переподключить до %(date)s: продлить доступ сами мы не "
        "смогли. Пока звонки уходят."
    )
    until = facts.get("until")
    if not until:
        text = _(
            "Аккаунт Яндекса %(login)s скоро понадобится переподключить: продлить доступ сами мы "
            "не смогли. Пока звонки уходят."
        )
    date = date_format(timezone.localtime(datetime.fromisoformat(until)), "j E Y") if until else ""
    return Words(text % (facts | {"date": date}), reverse("counters:list"), _("Переподключить"))


def _of_cause(cause: CounterCause | None, facts: Facts) -> Words:
    text = _("Счетчик «%(name)s». %(sentence)s")
    sentence = cause.sentence if cause else ""
    url = reverse("counters:settings", args=[facts["counter"]])
    return Words(text % {"name": facts["name"], "sentence": sentence}, url, _("К счетчику"))


def _lost_goal(facts: Facts) -> CounterCause:
    return CALLBACK_GOAL_GONE if facts.get("of_callbacks") else GOAL_GONE


def _quota(facts: Facts) -> Words:
    text = _(
        "Аккаунт Яндекса %(login)s: за сегодня сделано запросов к Метрике: %(used)d из %(total)d. "
        "Когда лимит кончится, звонки подождут следующего дня и уйдут сами. Чтобы хватало, уберите "
        "лишние счетчики или подключите часть из них через другой аккаунт."
    )
    return Words(text % facts, reverse("counters:list"), _("К счетчикам"))


def _stuck(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: требуют внимания выгрузки (%(uploads)d), звонков в них: %(calls)d. Откройте и "
        "решите, отправить их снова или отменить."
    )
    return Words(text % facts, _uploads_url(facts), _("Посмотреть"))


def _delayed(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: больше 6 часов не уходят выгрузки (%(uploads)d), звонков в них: %(calls)d. "
        "Откройте их: там сказано, чего они ждут. Мы продолжаем попытки."
    )
    return Words(text % facts, _uploads_url(facts, DisplayState.BATCHED), _("Посмотреть"))


def _expiring_week(facts: Facts) -> Words:
    words = plural(
        facts["calls"],
        _(
            "«%(name)s»: %(calls)d звонок перестанет привязываться к визитам не позже чем через 7 "
            "дней. Откройте историю: там сказано, чего он ждёт."
        ),
        _(
            "«%(name)s»: %(calls)d звонка перестанут привязываться к визитам не позже чем через 7 "
            "дней. Откройте историю: там сказано, чего они ждут."
        ),
        _(
            "«%(name)s»: %(calls)d звонков перестанут привязываться к визитам не позже чем через 7 "
            "дней. Откройте историю: там сказано, чего они ждут."
        ),
    )
    if "lost" in facts:
        words = _(
            "«%(name)s»: не позже чем через 7 дней опоздают звонки: %(calls)d, из них перестанут "
            "привязываться к визитам: %(lost)d. Откройте историю: там сказано, чего они ждут."
        )
    return Words(words % facts, _history_url(facts), _("К звонкам"))


def _expiring_days(facts: Facts) -> Words:
    words = plural(
        facts["calls"],
        _(
            "«%(name)s»: %(calls)d звонок перестанет привязываться к визитам не позже чем через 2 "
            "дня. Это последнее предупреждение: откройте историю."
        ),
        _(
            "«%(name)s»: %(calls)d звонка перестанут привязываться к визитам не позже чем через 2 "
            "дня. Это последнее предупреждение: откройте историю."
        ),
        _(
            "«%(name)s»: %(calls)d звонков перестанут привязываться к визитам не позже чем через 2 "
            "дня. Это последнее предупреждение: откройте историю."
        ),
    )
    if "lost" in facts:
        words = _(
            "«%(name)s»: не позже чем через 2 дня опоздают звонки: %(calls)d, из них перестанут "
            "привязываться к визитам: %(lost)d. Это последнее предупреждение: откройте историю."
        )
    return Words(words % facts, _history_url(facts), _("К звонкам"))


def _expired(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: за неделю опоздали и уже не привяжутся к визитам звонки: %(calls)d. На "
        "странице каждого сказано, что известно о причине."
    )
    if "lost" in facts:
        text = _(
            "«%(name)s»: за неделю опоздали звонки: %(calls)d, из них уже не привяжутся к визитам: "
            "%(lost)d. Остальные непривязанные: Метрика не привязала бы их и вовремя. На странице "
            "каждого сказано, что известно о причине."
        )
    if facts.get("lost") == 0:
        text = _(
            "«%(name)s»: за неделю опоздали звонки: %(calls)d. Все они непривязанные: к визитам "
            "Метрика не привязала бы их и вовремя. На странице каждого сказано, что известно о "
            "причине."
        )
    return Words(text % facts, _history_url(facts, DisplayState.EXPIRED), _("К звонкам"))


def _empty_field(facts: Facts) -> Words:
    text = _(
        "Источник «%(name)s»: поле %(field)s пустое в %(empty)d записях из последних %(calls)d, "
        "раньше оно заполнялось. Проверьте, что его присылает."
    )
    return Words(text % facts, _source_url(facts), _("К источнику"))


def _pull_failed(facts: Facts) -> Words:
    text = _("Источник «%(name)s»: звонки не забираются. %(reason)s Проверьте ключ.")
    reason = error_words(facts.get("code", ""), facts.get("text", ""))
    words = {"name": facts["name"], "reason": reason}
    return Words(text % words, _source_url(facts), _("К источнику"))


def _foreign_rows(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: в Метрике под нашими загрузками есть строки, которых мы не отправляли: "
        "%(rows)d. Отчёты могут считать лишние звонки. Посмотрите строки и напишите в поддержку "
        "CallKeeper: %(support)s."
    )
    url = reverse("calls:history", args=[facts["counter"]]) + "#proof"
    words = {**facts, "support": settings.SUPPORT_EMAIL}
    return Words(text % words, url, _("Посмотреть строки"))


def _report_difference(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: в отчёте Метрики за 30 дней не хватает звонков: %(calls)d. Откройте сверку: "
        "там дни и вероятные причины."
    )
    if facts["is_more"]:
        text = _(
            "«%(name)s»: в отчёте Метрики за 30 дней больше звонков, чем отправлено: на "
            "%(calls)d. Проверьте, не передаёт ли их другой сервис."
        )
    url = f"{reverse('calls:reports')}?{urlencode({'counter': facts['counter'], 'period': '30d'})}"
    return Words(text % facts, url, _("К сверке"))


def _source_url(facts: Facts) -> str:
    return reverse("calls:source", args=[facts["source"]])


def _uploads_url(facts: Facts, state: DisplayState = DisplayState.NEEDS_ATTENTION) -> str:
    if facts.get("upload"):
        return reverse("calls:upload", args=[facts["upload"]])
    return _history_url(facts, state)


def _history_url(facts: Facts, state: DisplayState | None = None) -> str:
    """Return the counter's history of all time, of one state if one is given."""
    url = reverse("calls:history", args=[facts["counter"]])
    return f"{url}?{urlencode({'q': '', 'state': state.value})}" if state else url


_OF_KIND: dict[Kind, Callable[[Facts], Words]] = {
    Kind.RECONNECT: _reconnect,
    Kind.RECONNECT_SOON: _reconnect_soon,
    Kind.RIGHT_LOST: lambda facts: _of_cause(OF_ACCESS.get(facts["access"]), facts),
    Kind.COUNTER_STOPPED: lambda facts: _of_cause(OF_STOP.get(facts["cause"]), facts),
    Kind.GOAL_GONE: lambda facts: _of_cause(_lost_goal(facts), facts),
    Kind.QUOTA: _quota,
    Kind.STUCK: _stuck,
    Kind.DELAYED: _delayed,
    Kind.EXPIRING_WEEK: _expiring_week,
    Kind.EXPIRING_DAYS: _expiring_days,
    Kind.EXPIRED: _expired,
    Kind.EMPTY_FIELD: _empty_field,
    Kind.PULL_FAILED: _pull_failed,
    Kind.FOREIGN_ROWS: _foreign_rows,
    Kind.REPORT_DIFFERENCE: _report_difference,
    **WORDS_OF_FLOW,
}
