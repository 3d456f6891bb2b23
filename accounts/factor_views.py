"""Second factors, passkeys and recovery codes: allauth's views in our templates.

Every change is one transaction with its event in the audit trail (`accounts.user_audit`).
"""

from __future__ import annotations

import json
from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.views import ReauthenticateView
from allauth.mfa import app_settings
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal.auth import begin_registration
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    EditWebAuthnView,
    LoginWebAuthnView,
    RemoveWebAuthnView,
)
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from accounts.adapters import can_have_passkeys
from accounts.emails import unconfirmed
from accounts.sign_in_limits import count_passkey, give_back_passkey

_change = method_decorator([never_cache, transaction.atomic], name="dispatch")


class SecondFactor(AuthenticateView):  # type: ignore[misc]  # allauth is not typed
    """Asks for a code or a passkey after the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the person has."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        own = Authenticator.objects.filter(user=self.stage.login.user)
        types = set(own.values_list("type", flat=True))
        return context | {
            "has_app": Authenticator.Type.TOTP in types,
            "has_passkey": Authenticator.Type.WEBAUTHN in types and can_have_passkeys(),
            "options": json.dumps(context["js_data"]["request_options"]),
        }


@method_decorator(login_not_required, name="dispatch")
class PasskeySignIn(LoginWebAuthnView):  # type: ignore[misc]  # allauth is not typed
    """Signs in by a passkey alone. GET tells the browser what to sign, for our script."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the options. Raises SignInRefused: each takes a session for a while."""
        count_passkey(request)
        response: HttpResponse = super().get(request, *args, **kwargs)
        if not request.user.is_authenticated and request.session.modified:
            request.session.set_expiry(account_settings.LOGIN_TIMEOUT)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign the person in."""
        give_back_passkey(self.request)
        response: HttpResponse = super().form_valid(form)
        return response


class Confirm(ReauthenticateView):  # type: ignore[misc]  # allauth is not typed
    """Asks for the password before second factors are changed."""


class Security(IndexView):  # type: ignore[misc]  # allauth is not typed
    """What protects the person's sign-in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the factors, with how many recovery codes are left."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        own = context["authenticators"]
        codes = own.get(Authenticator.Type.RECOVERY_CODES)
        return context | {
            "app": own.get(Authenticator.Type.TOTP),
            "passkeys": own.get(Authenticator.Type.WEBAUTHN, []),
            "codes": codes,
            "codes_left": _unused(codes.instance.data) if codes else 0,
            "can_have_passkeys": can_have_passkeys(),
            "email": self.request.user.email,
            "unconfirmed": unconfirmed(self.request.user) is not None,
        }


def _unused(data: dict[str, int]) -> int:
    return int(app_settings.RECOVERY_CODE_COUNT) - data["used_mask"].bit_count()


@_change
class TotpOn(ActivateTOTPView):  # type: ignore[misc]  # allauth is not typed
    """Connects an application that makes codes."""


@_change
class TotpOff(DeactivateTOTPView):  # type: ignore[misc]  # allauth is not typed
    """Disconnects it."""


@_change
class Codes(ViewRecoveryCodesView):  # type: ignore[misc]  # allauth is not typed
    """Shows recovery codes, once."""


@_change
class NewCodes(GenerateRecoveryCodesView):  # type: ignore[misc]  # allauth is not typed
    """Replaces recovery codes."""


@_change
class PasskeyAdd(AddWebAuthnView):  # type: ignore[misc]  # allauth is not typed
    """Adds a passkey."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the browser is to make: a passkey that needs no login, on this host."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        options = begin_registration(self.request.user, passwordless=True)
        return context | {"options": json.dumps(options), "can_have_passkeys": can_have_passkeys()}


@_change
class PasskeyRename(EditWebAuthnView):  # type: ignore[misc]  # allauth is not typed
    """Renames a passkey."""

    success_url = reverse_lazy("mfa_index")


@_change
class PasskeyRemove(RemoveWebAuthnView):  # type: ignore[misc]  # allauth is not typed
    """Removes a passkey."""

    success_url = reverse_lazy("mfa_index")
