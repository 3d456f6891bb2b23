"""What django-allauth asks of the product: sentences, sealed secrets, who may not sign in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from qrcode.image.svg import SvgPathFillImage

from accounts.browsers import browser_name
from accounts.sentences import SENTENCES, wrong_password
from cabinets.sealing import seal, unseal

ISSUER = "CallKeeper"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is not typed
    """Signing in by a password or a passkey."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": lazy(wrong_password, str)(),
        "incorrect_password": SENTENCES["password_incorrect"],
    }

    def pre_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse | None:
        """Refuse a passkey of a person whom support has sent a link to set a new password."""
        response: HttpResponse | None = super().pre_login(request, user, **details)
        if response is None and not user.has_usable_password():
            messages.error(
                request, _("Сначала задайте новый пароль по ссылке, которую вы получили.")
            )
            response = HttpResponseRedirect(reverse("login"))
        return response

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Lead back to the sign-in page with the reason. Only the owner of a passkey sees it."""
        messages.error(request, SENTENCES["inactive"])
        return HttpResponseRedirect(reverse("login"))

    def reauthenticate(self, user: User, password: str) -> bool:
        """Return whether this is the person's password."""
        return user.check_password(password)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is not typed
    """Second factors and passkeys."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("Не подошло. Попробуйте ещё раз со свежим кодом или ключом."),
        "cannot_generate_recovery_codes": _(
            "Запасные коды нужны, когда вход защищён: сначала подключите приложение или ключ."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Seal what is stored; `rotate_sealing_keys` knows of it (`accounts.apps`)."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open it. Raises UnsealFailed."""
        return unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Return the name that the person's application shows."""
        return ISSUER

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code on a white ground: cameras need it in the dark theme too."""
        image: str = qrcode.make(url, image_factory=SvgPathFillImage).to_string(encoding="unicode")
        return image

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the host of PUBLIC_URL, to which pages are led: passkeys belong to a host."""
        return {"id": passkey_host(), "name": ISSUER}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Return the name of the browser, which the person may change."""
        return browser_name(context.request.META.get("HTTP_USER_AGENT", ""))


def can_have_passkeys() -> bool:
    """Return whether browsers make passkeys for this site: never for one without a name."""
    return not passkey_host().replace(".", "").isdigit() and ":" not in passkey_host()


def passkey_host() -> str:
    """Return the host of PUBLIC_URL as browsers compare it, names in Cyrillic in Punycode."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()
