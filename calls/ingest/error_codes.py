"""Every code of the API's errors and warnings: its status, what it means, what the sender does.

Senders branch on codes, so a code keeps its meaning for ever. Each has an anchor on `/api/docs` and
a help page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from cabinets.help_links import help_url
from cabinets.refusals import REFUSALS, REJECTIONS

Words = str | Promise


@dataclass(frozen=True)
class ErrorCode:
    """``status`` is that of the response, None for a code of a single record.

    ``title`` is empty where the cabinet has the same words (`cabinets.refusals`).
    """

    status: int | None
    what_to_do: Words
    title: Words = ""


OF_REQUESTS: Mapping[str, ErrorCode] = {
    "malformed_json": ErrorCode(
        400, _("Исправьте тело по сообщению: JSON в UTF-8, без BOM других кодировок и без NaN.")
    ),
    "wrong_shape": ErrorCode(400, _('Пришлите объект звонка, список или {"calls": […]}.')),
    "bad_parameter": ErrorCode(
        400, _("validate_only и explain — 1 или 0 в адресе, true или false в теле.")
    ),
    "body_cut_off": ErrorCode(400, _("Повторите запрос: связь оборвалась на полпути.")),
    "malformed_form": ErrorCode(
        400, _("Пришлите форму с верным boundary или JSON."), _("форма не читается")
    ),
    "unknown_host": ErrorCode(
        400, _("Присылайте на адрес из сообщения."), _("хост не обслуживается")
    ),
    "unknown_charset": ErrorCode(
        400, _("Уберите charset из Content-Type: JSON всегда в UTF-8."), _("неизвестный charset")
    ),
    "nul_character": ErrorCode(
        400, _("Уберите нулевой байт из адреса и заголовков."), _("нулевой байт")
    ),
    "bad_request": ErrorCode(
        400, _("Проверьте адрес и заголовки запроса."), _("запрос не по правилам HTTP")
    ),
    "missing_headers": ErrorCode(
        401, _("Добавьте заголовки webhook-id, webhook-timestamp и webhook-signature.")
    ),
    "bad_webhook_id": ErrorCode(401, _("Дайте каждой доставке номер до 255 печатных знаков.")),
    "bad_timestamp": ErrorCode(401, _("Передавайте целые секунды Unix, десять цифр.")),
    "stale_timestamp": ErrorCode(
        401, _("Сверьте часы отправителя и подписывайте каждый повтор заново.")
    ),
    "unknown_source": ErrorCode(
        401, _("Проверьте X-CallKeeper-Source и включён ли источник в кабинете.")
    ),
    "bad_signature": ErrorCode(
        401, _("Подпишите тело байт в байт текущим секретом и сверьтесь с проверочным примером.")
    ),
    "https_required": ErrorCode(403, _("Присылайте сразу по https."), _("нужен https")),
    "forbidden": ErrorCode(
        403, _("Проверьте адрес: звонки принимает другой."), _("у адреса другое назначение")
    ),
    "trailing_slash": ErrorCode(
        404, _("Уберите косую черту в конце адреса."), _("лишняя косая черта")
    ),
    "not_found": ErrorCode(404, _("Возьмите адрес из сообщения."), _("адреса нет")),
    "unknown_address": ErrorCode(
        404,
        _("Скопируйте адрес вебхука заново: он мог быть сменён, а источник — выключен."),
        _("такого секретного адреса нет"),
    ),
    "method_not_allowed": ErrorCode(
        405, _("Присылайте звонки методом POST, вебхуки — POST или GET.")
    ),
    "request_timeout": ErrorCode(
        408, _("Пришлите запрос целиком ещё раз."), _("запрос шёл слишком медленно")
    ),
    "webhook_id_reused": ErrorCode(
        409, _("Новой доставке — новый webhook-id; прежний бывает только у повтора того же тела.")
    ),
    "length_required": ErrorCode(411, _("Добавьте Content-Length или Transfer-Encoding: chunked.")),
    "body_too_large": ErrorCode(413, _("Разделите звонки: сколько байт можно, в message.")),
    "too_many_calls": ErrorCode(
        413, _("Разделите звонки: в запросе их до 500, в проверке — до 100.")
    ),
    "body_too_complex": ErrorCode(
        413,
        _("Разделите звонки: в запросе до 100 000 значений JSON и тексты до 256 КиБ."),
    ),
    "unsupported_media_type": ErrorCode(
        415, _("Пришлите application/json без сжатия: см. заголовки Accept-Post, Accept-Encoding.")
    ),
    "no_usable_call": ErrorCode(422, _("Исправьте записи: причина каждой в results.")),
    "too_many_requests": ErrorCode(429, _("Повторите через Retry-After секунд.")),
    "too_many_bytes": ErrorCode(429, _("Повторите через Retry-After секунд.")),
    "too_many_previews": ErrorCode(429, _("Повторите проверку через Retry-After секунд.")),
    "internal_error": ErrorCode(
        500, _("Повторите запрос позже: ошибка у нас записана."), _("ошибка на нашей стороне")
    ),
    "database_unavailable": ErrorCode(
        503, _("Повторите через Retry-After секунд."), _("сейчас сохранить нельзя")
    ),
    "secret_unavailable": ErrorCode(503, _("Повторите через Retry-After секунд.")),
    "server_busy": ErrorCode(
        503, _("Повторите через Retry-After секунд."), _("слишком много больших запросов сразу")
    ),
}
OF_RECORDS: Mapping[str, ErrorCode] = {
    "not_an_object": ErrorCode(None, _("Каждая запись — объект JSON с полями звонка.")),
    "too_deep": ErrorCode(None, _("Уменьшите вложенность записи.")),
    "bad_number": ErrorCode(None, _("Передайте в поле целое число или ничего.")),
    "bad_universal_id": ErrorCode(None, _("Передайте номер строкой, до 128 знаков.")),
    "missing_field": ErrorCode(None, _("Добавьте callTime, время начала звонка.")),
    "bad_time": ErrorCode(None, _("Передайте секунды Unix или ISO 8601 со смещением.")),
    "time_without_zone": ErrorCode(
        None, _("Добавьте смещение (+03:00) или укажите часовой пояс источника в кабинете.")
    ),
    "time_in_milliseconds": ErrorCode(None, _("Разделите время на 1000: нужны секунды Unix.")),
    "starts_in_future": ErrorCode(None, _("Проверьте часы и часовой пояс отправителя.")),
    "ends_in_future": ErrorCode(None, _("Проверьте часы отправителя и единицы длительности.")),
    "too_long": ErrorCode(None, _("Передайте длительность в секундах.")),
    "identity_conflict": ErrorCode(
        None, _("Дайте каждому звонку свой номер и передавайте его строкой.")
    ),
    "spoilt_number": ErrorCode(
        None, _("Задайте столбцу текстовый формат и выгрузите данные заново: цифры потеряны.")
    ),
    "outgoing_call": ErrorCode(
        None, _("Исправлять нечего: в Метрику передаются только звонки клиентов.")
    ),
    "too_many_attempts": ErrorCode(
        None,
        _("Запись принята. Проверьте cbAttemptsQueue: в нём номера попыток одного заказа."),
        _("предупреждение: больше 50 попыток у одного заказа обратного звонка"),
    ),
}
#: A first word such as `webhook-id` or `validate_only`.
_NAME = re.compile(r"[a-z]+[-_][a-z]")
CODES: Mapping[str, ErrorCode] = {**OF_REQUESTS, **OF_RECORDS}


def title_of(code: str) -> str:
    """Return what the code means in a few words; an unknown code unchanged.

    A name that programs use, of a field, a header or a code, keeps its letters as they are.
    """
    known = CODES.get(code)
    words = (known.title if known else "") or REFUSALS.get(code) or REJECTIONS.get(code) or code
    text = str(words)
    return text if _NAME.match(text) else str(capfirst(text))


def doc_url(code: str) -> str:
    """Return the address of the code's help page: it is the ``type`` of a problem document."""
    return f"{settings.PUBLIC_URL}{help_url(code)}"
