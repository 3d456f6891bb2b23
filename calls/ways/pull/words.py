"""The sentences about errors of pulling."""

from __future__ import annotations

from django.utils.translation import gettext as _

from calls.callkeeper import errors
from calls.masking import masked_text
from calls.ways.pull.errors import InternalError, UnreadableKey


def error_words(code: str, text: str = "") -> str:
    """Return what happened, with CallKeeper's own words if it said any; '' for no error."""
    match code:
        case "":
            return ""
        case errors.Unreachable.code:
            return _("CallKeeper не отвечает.")
        case errors.TooManyRequests.code:
            return _("CallKeeper просит спрашивать реже.")
        case errors.WrongKey.code:
            return _("CallKeeper не принимает ключ: его могли сменить или отозвать.")
        case UnreadableKey.code:
            return _("Сохранённый ключ не открывается.")
        case errors.Refused.code if text:
            return _("CallKeeper ответил ошибкой: «%(text)s».") % {"text": masked_text(text)}
        case errors.Refused.code:
            return _("CallKeeper отказал без объяснения.")
        case InternalError.code:
            return _("Ошибка на нашей стороне.")
        case _unexpected:
            return _("CallKeeper ответил не так, как описано в его документации.")
