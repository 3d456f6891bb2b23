"""Forms of second factors and passkeys: allauth's, with counted guesses and our sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import error
from typing import Any

from allauth.account.forms import ReauthenticateForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from accounts.adapters import FactorAdapter
from accounts.sentences import OwnSentences
from accounts.sign_in_limits import Limit, counted_change, counted_code
from cabinets.sealing import UnsealFailed, seal, unseal

CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
NAME_LENGTH = 60
#: Raised by the WebAuthn library for answers that are not as the standard has them.
ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, InvalidSignature, error)


class ConfirmPasswordForm(OwnSentences, ReauthenticateForm):  # type: ignore[misc]
    """Asks for the password before second factors are changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attributes = {"autocomplete": "current-password", "autofocus": True}
        widget = forms.PasswordInput(attrs=attributes)
        self.fields["password"] = forms.CharField(label=_("Пароль"), strip=False, widget=widget)

    def clean_password(self) -> str:
        """Check it, counted before hashing. Raises SignInRefused and HashingBusy."""
        with counted_change(self.user, Limit.CONFIRM):
            text: str = super().clean_password()
        return text


class _CodeForm(OwnSentences):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Код")
        self.fields["code"].widget.attrs = dict(CODE)

    def clean_code(self) -> str:
        """Check it, counted before. Raises SignInRefused.

        Without Redis nothing remembers which codes were used, so only recovery codes are taken.
        """
        try:
            with counted_code(self.user):  # type: ignore[attr-defined]
                text: str = super().clean_code()  # type: ignore[misc]
        except RedisError:
            raise ValidationError(
                _("Код сейчас не проверить. Попробуйте через минуту или введите запасной код."),
                code="not_checked",
            ) from None
        return text


class CodeForm(_CodeForm, AuthenticateForm):  # type: ignore[misc]
    """A code of the application, or a recovery code, after the password."""


class TotpOnForm(_CodeForm, ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an application. Its secret is sealed in the session until then."""

    secret: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.secret = unseal(self.secret)
        except UnsealFailed:  # it was made just now
            context.request.session[SECRET_SESSION_KEY] = seal(self.secret)


class PasskeyAddForm(OwnSentences, AddWebAuthnForm):  # type: ignore[misc]
    """What the browser answers when a passkey is made. A passkey always verifies the person."""

    def clean(self) -> dict[str, Any]:
        """Check it. Anything that is no answer of a browser is refused."""
        self.cleaned_data["passwordless"] = True
        with _refused_if_odd():
            checked: dict[str, Any] = super().clean() or {}
        return checked


class PasskeyForm(OwnSentences, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """What the browser answers when a passkey is used in place of a code."""

    def clean_credential(self) -> Any:
        """Return the passkey. Anything that is no answer of a browser is refused."""
        with _refused_if_odd():
            return super().clean_credential()


class PasskeySignInForm(PasskeyForm, LoginWebAuthnForm):  # type: ignore[misc]
    """The same in place of the login and the password."""


class PasskeyRenameForm(OwnSentences, EditWebAuthnForm):  # type: ignore[misc]
    """The name of a passkey, which tells the person where it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(label=_("Название"), max_length=NAME_LENGTH)


@contextmanager
def _refused_if_odd() -> Iterator[None]:
    """Turn what the WebAuthn library raises for forged and odd answers into our refusal."""
    try:
        yield
    except ODD:
        raise FactorAdapter().validation_error("incorrect_code") from None
