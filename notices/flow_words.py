"""Notices of an unusual flow of calls in words; their numbers are those that decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from calls.states import DisplayState
from notices.kinds import Kind
from notices.sentence import Facts, Words


def _inflow(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: с %(since)s звонков пришло %(observed)d, обычно за это время "
        "%(low)d–%(high)d. Если это не праздник и не остановленная реклама, проверьте "
        "источники звонков."
    )
    if not facts["observed"]:
        text = _(
            "«%(name)s»: с %(since)s не пришло ни одного звонка, обычно за это время "
            "%(low)d–%(high)d. Если это не праздник и не остановленная реклама, проверьте "
            "источники звонков."
        )
    return Words(text % _shown(facts), _history_url(facts), _("К звонкам"))


def _cabinet(facts: Facts) -> Words:
    text = _(
        "Во всём кабинете звонков меньше обычного: с %(since)s пришло %(observed)d, обычно за это "
        "время около %(usual)d. Так у %(low)d счетчиков из %(judged)d. Если сегодня не праздник, "
        "проверьте источники звонков."
    )
    return Words(text % _shown(facts), reverse("cabinets:sources"), _("К источникам"))


def _source(facts: Facts) -> Words:
    text = _(
        "Источник «%(name)s»: с %(since)s звонков пришло %(observed)d, обычно за это время "
        "%(low)d–%(high)d. Проверьте, что он присылает звонки и что его ключ действует."
    )
    if not facts["observed"]:
        text = _(
            "Источник «%(name)s» молчит: с %(since)s не пришло ни одного звонка, обычно за это "
            "время %(low)d–%(high)d. Проверьте, что он присылает звонки и что его ключ действует."
        )
    url = reverse("calls:source", args=[facts["source"]])
    return Words(text % _shown(facts), url, _("К источнику"))


def _skipped(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: с %(since)s не отправляется %(percent)d %% звонков (%(observed)d из "
        "%(whole)d), обычно %(usual)d %%. Откройте их: у каждого сказано почему. Если так и "
        "задумано в настройках, делать ничего не нужно."
    )
    return Words(text % _shown(facts), _history_url(facts, DisplayState.SKIPPED), _("К звонкам"))


def _unreadable(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: с %(since)s не читается идентификатор у %(percent)d %% звонков (%(observed)d "
        "из %(whole)d), обычно у %(usual)d %%. Проверьте, что источник присылает в полях ClientID, "
        "Yclid и UserID."
    )
    url = _history_url(facts, DisplayState.NEEDS_DECISION)
    return Words(text % _shown(facts), url, _("К звонкам"))


def _linked(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: с %(since)s Метрика сообщила о %(whole)d звонках и привязала к визитам "
        "%(linked)d %%, обычно %(usually_linked)d %%. Проверьте на сайте код Метрики и "
        "коллтрекинга: чаще всего в звонки перестал попадать верный ClientID."
    )
    shares = {"linked": 100 - facts["percent"], "usually_linked": 100 - facts["usual"]}
    url = _history_url(facts, DisplayState.UNMATCHED)
    return Words(text % (_shown(facts) | shares), url, _("К звонкам"))


def _refused(facts: Facts) -> Words:
    text = _(
        "«%(name)s»: с %(since)s Метрика не приняла %(percent)d %% строк (%(observed)d из "
        "%(whole)d), обычно %(usual)d %%. Откройте их: у каждой есть ответ Метрики."
    )
    url = _history_url(facts, DisplayState.ROW_REFUSED)
    return Words(text % _shown(facts), url, _("К звонкам"))


def _shown(facts: Facts) -> Facts:
    since = timezone.localtime(datetime.fromisoformat(facts["since"]))
    return facts | {"since": date_format(since, "j E, H:i")}


def _history_url(facts: Facts, state: DisplayState | None = None) -> str:
    url = reverse("calls:history", args=[facts["counter"]])
    return f"{url}?{urlencode({'q': '', 'state': state.value})}" if state else url


WORDS_OF_FLOW: dict[Kind, Callable[[Facts], Words]] = {
    Kind.INFLOW_LOW: _inflow,
    Kind.INFLOW_CABINET: _cabinet,
    Kind.SOURCE_LOW: _source,
    Kind.SKIPPED_UP: _skipped,
    Kind.UNREADABLE_UP: _unreadable,
    Kind.LINKED_DOWN: _linked,
    Kind.REFUSED_UP: _refused,
}
