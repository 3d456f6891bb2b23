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
        "no_answer": _("Соединиться с адресом не удалось, или связь прервалась."),
        "address_not_allowed": _("Адрес начинается не с https:// или ведёт не в интернет."),
    }.get(code, _("Сообщение не доставлено."))
