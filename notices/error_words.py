"""Why a message did not arrive, in Russian."""

from __future__ import annotations

from django.utils.translation import gettext as _


def error_words(code: str) -> str:
    """Return the sentence about the code of a failed attempt."""
    kind, _sign, number = code.partition("_")
    if kind == "http" and number.isdigit():
        return _("Адрес ответил кодом %(status)s.") % {"status": number}
    return {
        "": "",
        "timeout": _("Адрес не ответил за 20 секунд."),
        "no_answer": _("С адресом не удалось соединиться."),
        "address_not_allowed": _("Имя адреса не найдено или ведёт не в интернет."),
    }.get(code, _("Сообщение не доставлено."))
