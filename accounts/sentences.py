"""Sentences of ours for what allauth and Django refuse in forms of signing in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.mail import is_mail_configured


def wrong_password() -> str:
    """Return what to do about it, which depends on whether this installation sends e-mails."""
    if is_mail_configured():
        return gettext(
            "Логин или пароль не подходит. Проверьте раскладку и Caps Lock, а если забыли пароль, "
            "задайте новый по ссылке «Забыли пароль?»."
        )
    return gettext(
        "Логин или пароль не подходит. Проверьте раскладку и Caps Lock, а если забыли пароль, "
        "напишите в поддержку CallKeeper: %(support)s."
    ) % {"support": settings.SUPPORT_EMAIL}


#: Codes of Django's validators.
SENTENCES: dict[str, Any] = {
    "required": _("Заполните это поле."),
    "password_too_short": _("Пароль слишком короткий: нужно не меньше 8 знаков."),
    "password_too_common": _("Такой пароль слишком часто встречается: придумайте другой."),
    "password_entirely_numeric": _("Пароль из одних цифр легко подобрать: добавьте буквы."),
    "password_too_similar": _("Пароль слишком похож на логин, имя или почту: придумайте другой."),
    "password_mismatch": _("Пароли не совпадают: введите одинаковые."),
    "password_incorrect": _("Нынешний пароль введён неверно. Проверьте раскладку и Caps Lock."),
    "invalid_login": lazy(wrong_password, str)(),
    "inactive": _("Этот логин отключён. Обратитесь к владельцу кабинета."),
}


class OwnSentences(forms.BaseForm):
    """Replaces Django's sentences by ours, by the code of the error."""

    def add_error(self, field: str | None, error: Any) -> None:
        """Add the error in our words."""
        super().add_error(field, in_own_words(error))


def in_own_words(error: Any) -> Any:
    """Return the ValidationError with our sentence for each known code."""
    if hasattr(error, "error_dict"):
        return ValidationError(
            {name: in_own_words(ValidationError(one)) for name, one in error.error_dict.items()}
        )
    if not hasattr(error, "error_list"):
        return error
    return ValidationError(
        [
            ValidationError(SENTENCES[one.code], code=one.code) if one.code in SENTENCES else one
            for one in error.error_list
        ]
    )
