"""Why a request of a source or a record was refused, in a few words, by the API's error code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REFUSALS: dict[str, str | Promise] = {
    "missing_headers": _("нет заголовков подписи"),
    "bad_webhook_id": _("неверный webhook-id"),
    "bad_timestamp": _("webhook-timestamp — не целые секунды"),
    "stale_timestamp": _("часы отправителя расходятся с нашими"),
    "unknown_source": _("источник выключен или без секрета"),
    "bad_signature": _("подпись не подходит"),
    "webhook_id_reused": _("webhook-id уже был у другого тела"),
    "malformed_json": _("тело — не JSON в UTF-8"),
    "wrong_shape": _("тело — не звонок и не список calls"),
    "bad_parameter": _("validate_only или explain не читается"),
    "too_many_calls": _("слишком много звонков в запросе"),
    "too_many_requests": _("слишком много звонков за минуту"),
    "too_many_bytes": _("слишком много данных за минуту"),
    "too_many_previews": _("слишком много проверок за минуту"),
    "no_usable_call": _("ни одной записи принять нельзя"),
    "body_too_large": _("тело слишком велико"),
    "body_too_complex": _("в теле слишком много значений JSON или слишком длинный текст"),
    "body_cut_off": _("тело пришло не целиком"),
    "length_required": _("нет Content-Length"),
    "unsupported_media_type": _("тело — не application/json без сжатия"),
    "method_not_allowed": _("метод не подходит"),
    "secret_unavailable": _("секрет не открывается на нашей стороне, нужен администратор"),
}
#: Of single records.
REJECTIONS: dict[str, str | Promise] = {
    "not_an_object": _("запись — не объект JSON"),
    "too_deep": _("слишком много уровней вложенности"),
    "bad_number": _("в числовом поле не целое число"),
    "bad_universal_id": _("неверный universalId"),
    "missing_field": _("нет времени начала звонка"),
    "bad_time": _("время начала не читается"),
    "time_without_zone": _("время без смещения"),
    "time_in_milliseconds": _("время в миллисекундах"),
    "starts_in_future": _("звонок начинается в будущем"),
    "ends_in_future": _("звонок кончается в будущем"),
    "too_long": _("звонок длиннее суток"),
    "spoilt_number": _("таблица испортила число"),
    "outgoing_call": _("исходящий звонок"),
    "identity_conflict": _("под этим номером уже есть другой звонок"),
}


#: Of records that were accepted all the same: whole sentences, with the values that they name.
WARNINGS: dict[str, str | Promise] = {
    "too_many_attempts": _(
        "У заказа обратного звонка %(order)s больше %(count)s попыток: последняя выбирается только "
        "из %(count)s самых новых. Проверьте cbAttemptsQueue: в нём должны быть номера попыток "
        "одного заказа."
    ),
}
_VALUE = re.compile(r" (\w+)=(\d+)")


def refusal_text(code: str) -> str:
    """Return the words; an unknown code unchanged."""
    return str(REFUSALS.get(code, code))


def rejection_text(code: str) -> str:
    """Return the words for a record's code; an unknown code unchanged."""
    return str(REJECTIONS.get(code, code))


def stored_warning(code: str, values: Mapping[str, int]) -> str:
    """Return how a warning is stored: `too_many_attempts order=15 count=50`."""
    return "".join([code, *(f" {name}={value}" for name, value in values.items())])


def warning_text(stored: str) -> str:
    """Return the sentence of a stored warning in the reader's language; another text unchanged.

    Earlier the sentence itself was stored.
    """
    code = stored.partition(" ")[0]
    values = dict(_VALUE.findall(stored))
    if code not in WARNINGS or stored != stored_warning(code, values):
        return stored
    try:
        return str(WARNINGS[code]) % values
    except KeyError:
        return stored
