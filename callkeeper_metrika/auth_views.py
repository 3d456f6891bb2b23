"""Signing in, recovering a forgotten password by e-mail, changing a password.

With DEMO_LOGIN_HINT set (by `./run`) the sign-in page shows the demo credentials.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import LoginView, PasswordChangeView, PasswordResetConfirmView
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.views.generic import FormView, TemplateView

from cabinets.client_address import client_address
from cabinets.rate_limit import RateLimit, consume
from callkeeper_metrika.auth_forms import (
    ChangePasswordForm,
    ForgottenPasswordForm,
    NewPasswordForm,
    SignInForm,
)
from callkeeper_metrika.mail import is_mail_configured, send_later

HOUR = 3600
#: Requests for a link: of one browser's address, and for one login whether it exists or not.
PER_ADDRESS = RateLimit("password_address", 10, HOUR)
PER_LOGIN = RateLimit("password_login", 3, HOUR)


class SignIn(LoginView):
    """Django's sign-in page, with the demo credentials beside the form."""

    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `demo_login`, None without DEMO_LOGIN_HINT."""
        return super().get_context_data(**kwargs) | {"demo_login": demo_login()}


def demo_login() -> dict[str, str] | None:
    """Return both parts of DEMO_LOGIN_HINT, «login / password»; None when it is unset."""
    username, _slash, password = settings.DEMO_LOGIN_HINT.partition(" / ")
    return {"username": username, "password": password} if password else None


@method_decorator(login_not_required, name="dispatch")
class ForgottenPassword(FormView):  # type: ignore[type-arg]  # generic in the stubs only
    """Sends a link to set a new password. The answer never tells whether a login exists."""

    form_class = ForgottenPasswordForm
    template_name = "registration/password_reset.html"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: ForgottenPasswordForm) -> HttpResponse:
        """Send the links, unless too many were asked for."""
        if not is_mail_configured():
            return self.render_to_response(self.get_context_data(form=form))
        if self._is_too_often(form.cleaned_data["login"]):
            return render(self.request, "registration/password_reset_limit.html", status=429)
        people = form.people()
        send_later(lambda: [link_message(user, address) for user, address in people])
        return super().form_valid(form)

    def _is_too_often(self, login: str) -> bool:
        now = timezone.now().timestamp()
        of_address = consume(PER_ADDRESS, client_address(self.request), now=now)
        return bool(of_address or consume(PER_LOGIN, login.strip().lower(), now=now))


@method_decorator(login_not_required, name="dispatch")
class LinkSent(TemplateView):
    """Says what to expect after a link was asked for."""

    template_name = "registration/password_reset_sent.html"


class NewPassword(PasswordResetConfirmView):
    """Sets the new password, once per link."""

    form_class = NewPasswordForm
    template_name = "registration/password_reset_confirm.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Lead to the sign-in page with a message."""
        messages.success(self.request, _("Новый пароль сохранён. Войдите с ним."))
        return super().form_valid(form)


class ChangePassword(PasswordChangeView):
    """Changes the password of the person who is signed in; other browsers are signed out."""

    form_class = ChangePasswordForm
    template_name = "registration/password_change.html"
    success_url = reverse_lazy("integrations:dashboard")

    def form_valid(self, form: Any) -> HttpResponse:
        """Lead to the integrations page with a message."""
        messages.success(self.request, _("Пароль изменён. В других браузерах нужно войти заново."))
        return super().form_valid(form)


def link_message(user: User, address: str) -> EmailMessage:
    """Return the e-mail; its link leads to PUBLIC_URL whatever host the request named."""
    place = {
        "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    context = {
        "login": user.get_username(),
        "url": settings.PUBLIC_URL + reverse("password_reset_confirm", kwargs=place),
        "support": settings.SUPPORT_EMAIL,
    }
    body = render_to_string("registration/password_reset_email.txt", context)
    return EmailMessage(_("Новый пароль в CallKeeper"), body, to=[address])
