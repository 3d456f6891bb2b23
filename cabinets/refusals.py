"""Why the last request of a source was refused, in a few words, by the code of the API's error."""

from __future__ import annotations

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
    "too_many_calls": _("слишком много звонков в запросе"),
    "too_many_requests": _("слишком много звонков за минуту"),
    "no_usable_call": _("ни одной записи принять нельзя"),
    "body_too_large": _("тело слишком велико"),
    "body_cut_off": _("тело пришло не целиком"),
    "length_required": _("нет Content-Length"),
    "unsupported_media_type": _("тело — не application/json без сжатия"),
    "method_not_allowed": _("не POST"),
}


def refusal_text(code: str) -> str:
    """Return the words; an unknown code unchanged."""
    return str(REFUSALS.get(code, code))
