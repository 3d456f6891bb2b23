"""Forms of signing in, of recovering and of changing a password, with sentences of our own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.hashing import hashing_slot
from accounts.mail import is_mail_configured
from accounts.sign_in_limits import counted_change, counted_sign_in

PASSWORD_RULES = _(
    "Не короче 8 знаков, не из одних цифр, не похож на логин и почту, не из самых частых паролей."
)


def _wrong_password() -> str:
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
    "invalid_login": lazy(_wrong_password, str)(),
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


class SignInForm(OwnSentences, AuthenticationForm):
    """Takes the e-mail of a person in place of the login. Guesses are counted before hashing."""

    request: HttpRequest

    def clean(self) -> dict[str, Any]:
        """Check the password. Raises SignInRefused and HashingBusy, for `AccountsMiddleware`."""
        name, password = (self.cleaned_data.get(key) for key in ("username", "password"))
        if not (name and password):
            return super().clean()
        with counted_sign_in(self.request, name):
            return super().clean()

    def clean_username(self) -> str:
        """Return the login, that of the only person with this e-mail if one was given."""
        text: str = self.cleaned_data["username"]
        if "@" not in text or User.objects.filter(username=text).exists():
            return text
        logins = list(people_with_email(text).values_list("username", flat=True)[:2])
        return logins[0] if len(logins) == 1 else text


class StaffSignInForm(SignInForm, AdminAuthenticationForm):
    """The sign-in of the admin, which refuses those who are not staff in the same words."""


class ForgottenPasswordForm(forms.Form):
    """Asks who forgot the password."""

    login = forms.CharField(
        label=_("Логин или почта"),
        max_length=254,
        error_messages={"required": SENTENCES["required"]},
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    def people(self) -> list[tuple[User, str]]:
        """Return (person, address) of everybody whom the text names and who can be written to."""
        text = self.cleaned_data["login"]
        named = User.objects.filter(username=text, is_active=True) | people_with_email(text)
        found = [(user, user.email or user.username) for user in named.distinct()[:10]]
        return [(user, address) for user, address in found if "@" in address]


class NewPersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A new person in the admin, without a password."""

    class Meta:
        model = User
        fields = ("username", "email", "first_name", "last_name")


class _NewPasswordForm(OwnSentences, SetPasswordForm):  # type: ignore[type-arg]  # generic in the stubs only
    password_rules = PASSWORD_RULES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].label = _("Новый пароль")
        self.fields["new_password1"].help_text = ""
        self.fields["new_password2"].label = _("Новый пароль ещё раз")
        self.fields["new_password2"].help_text = ""

    def save(self, commit: bool = True) -> User:
        """Store the password. Raises HashingBusy, for `AccountsMiddleware`."""
        with hashing_slot(is_known=True):
            user: User = super().save(commit)
        return user


class NewPasswordForm(_NewPasswordForm):
    """Sets a password after a link was opened."""


class ChangePasswordForm(_NewPasswordForm, PasswordChangeForm):
    """Changes the password of the person who is signed in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Нынешний пароль")

    def clean_old_password(self) -> str:
        """Check it, counted before hashing. Raises SignInRefused and HashingBusy."""
        with counted_change(self.user):
            text: str = super().clean_old_password()
        return text


def people_with_email(email: str) -> Any:
    """Return the active people with this e-mail address, upper and lower case alike."""
    return User.objects.filter(email__iexact=email, is_active=True).exclude(email="")
