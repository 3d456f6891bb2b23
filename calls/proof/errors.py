"""Why a request for logs waits or has failed: codes, and sentences for people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.support import with_support
from integrations import api_call

NOT_POSSIBLE = "not_possible"
REJECTED = "rejected"
FAILED_THERE = "failed_there"
GONE = "gone"
SLOW_THERE = "slow_there"
NOT_UNDERSTOOD = "not_understood"
ZONE_UNKNOWN = "zone_unknown"
SWITCHED_OFF = "switched_off"
NOT_CLEANED = "not_cleaned"

#: The sentences by codes; the other codes are those of `integrations.api_call`.
SENTENCES: dict[str, Promise | str] = {
    NOT_POSSIBLE: _(
        "Метрика сейчас не может подготовить логи этих дней: место для логов счетчика занято или "
        "дни слишком велики. Повторим через час."
    ),
    REJECTED: _("Метрика не приняла запрос логов. Повторим следующей ночью."),
    FAILED_THERE: _("Метрика не смогла подготовить логи. Повторим следующей ночью."),
    GONE: _("Метрика удалила логи раньше, чем мы их прочитали. Повторим следующей ночью."),
    SLOW_THERE: _("Метрика готовит логи дольше суток. Повторим следующей ночью."),
    NOT_UNDERSTOOD: with_support(
        _(
            "Логи Метрики прочитаны, но с отправленным не сопоставились: о привязке по ним ничего "
            "не сказано. Напишите в поддержку: {support}."
        )
    ),
    ZONE_UNKNOWN: _(
        "Время строк в логах похоже на другой часовой пояс: возможно, в Метрике его сменили. По "
        "этим строкам нельзя сказать наверняка, поэтому о привязке ничего не сказано. Новый пояс "
        "возьмём при обновлении списка счетчиков и повторим следующей ночью."
    ),
    SWITCHED_OFF: _("Проверка выключена или счетчик удалён из кабинета."),
    NOT_CLEANED: _("Логи прочитаны, но удалить их из Метрики не удалось: Метрика удалит их сама."),
    "budget": _("Запросы к Метрике, отведённые на чтение логов, сегодня закончились."),
    **api_call.CODES,
}


def sentence_of(code: str) -> str:
    """Return the sentence of a code for people; '' for none."""
    return str(SENTENCES.get(code, SENTENCES[REJECTED])) if code else ""
