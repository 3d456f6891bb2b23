"""Forms of signing in, of recovering and of changing a password, with sentences of our own."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm, UserTokenForm
from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm, UsernameField
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.utils import translation
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext_lazy as _

from accounts.hashing import hashing_slot
from accounts.links import link_message, mail_address
from accounts.mail import send_later
from accounts.sentences import SENTENCES, OwnSentences
from accounts.sign_in_limits import counted_change, counted_sign_in

#: Attributes of the field in which a person types first.
FOCUSED = {"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
PASSWORD_RULES = _(
    "Не короче 8 знаков, не из одних цифр, не похож на логин и почту, не из самых частых паролей."
)


class SignInForm(OwnSentences, LoginForm):  # type: ignore[misc]  # allauth is not typed
    """Takes the e-mail of a person in place of the login. Guesses are counted before hashing."""

    request: HttpRequest
    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {
            "username": UsernameField(
                label=_("Логин или почта"),
                max_length=254,
                widget=forms.TextInput(attrs=dict(FOCUSED)),
            ),
            "password": forms.CharField(
                label=_("Пароль"),
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            ),
        }

    def clean(self) -> dict[str, Any]:
        """Check the password. Raises SignInRefused and HashingBusy, for `AccountsMiddleware`."""
        name, password = (self.cleaned_data.get(key) for key in ("username", "password"))
        if not (name and password):
            return self.cleaned_data
        with counted_sign_in(self.request, name):
            checked: dict[str, Any] = self._clean_with_password(self.user_credentials())
        return checked

    def clean_username(self) -> str:
        """Return the login, that of the only person with this e-mail if one was given."""
        text: str = self.cleaned_data["username"]
        if "@" not in text or User.objects.filter(username=text).exists():
            return text
        logins = list(people_with_email(text).values_list("username", flat=True)[:2])
        return logins[0] if len(logins) == 1 else text

    def user_credentials(self) -> dict[str, str]:
        """Return what is checked; allauth's own field has another name."""
        return {key: self.cleaned_data[key] for key in ("username", "password")}

    def _clean_with_password(self, credentials: dict[str, str]) -> Any:
        self.cleaned_data["login"] = credentials["username"]
        return super()._clean_with_password(credentials)


class StaffSignInForm(SignInForm):
    """The sign-in of the admin, which refuses those who are not staff in the same words."""

    def _clean_with_password(self, credentials: dict[str, str]) -> Any:
        checked = super()._clean_with_password(credentials)
        if not self.user.is_staff:
            raise get_adapter().validation_error("username_password_mismatch")
        return checked


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
        # With what the messages need, which are made without a connection to the database.
        people = named.select_related("preference").prefetch_related("emailaddress_set")
        people = people.distinct()[:10]
        return [(user, address) for user in people if (address := mail_address(user))]

    def clean(self) -> dict[str, Any]:
        """Add the name under which allauth's view looks for the text."""
        return self.cleaned_data | {"email": self.cleaned_data.get("login", "")}

    def save(self, _request: HttpRequest) -> None:
        """Send everybody a link, after the response.

        It is in the language of the person, else in that of the page.
        """
        people, language = self.people(), translation.get_language()

        def messages() -> list[EmailMessage]:
            with translation.override(language):
                return [link_message(user, address) for user, address in people]

        send_later(messages)


class LinkForm(UserTokenForm):  # type: ignore[misc]  # allauth is not typed
    """Checks the parts of a link to set a password; they are those of Django."""

    token_generator = default_token_generator

    def _get_user(self, uidb36: str) -> User | None:
        try:
            return User.objects.get(pk=urlsafe_base64_decode(uidb36).decode())
        except (ValueError, OverflowError, User.DoesNotExist):
            return None


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
    """Sets a password after a link was opened; the link was checked by the view."""

    def __init__(self, *args: Any, temp_key: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


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
