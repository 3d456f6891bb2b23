"""Signing in, recovering a forgotten password by e-mail, changing a password: allauth's views.

With DEMO_LOGIN_HINT set (by `./run`) the sign-in page shows the demo credentials.
"""

from __future__ import annotations

from typing import Any, cast

from allauth.account.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from allauth.account.views._password_reset import INTERNAL_RESET_SESSION_KEY
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView

from accounts.acting import acting
from accounts.adapters import can_have_passkeys
from accounts.browsers import browser_name
from accounts.forms import (
    ChangePasswordForm,
    ForgottenPasswordForm,
    NewPasswordForm,
    SignInForm,
    StaffSignInForm,
)
from accounts.mail import is_mail_configured
from accounts.sessions import end_sessions, live_sessions
from cabinets.audit import log_change
from cabinets.client_address import limited_address
from cabinets.rate_limit import RateLimit, consume

HOUR = 3600
#: Sessions on the page; the button ends those beyond as well.
MAX_SHOWN = 50
#: Requests for a link: of one browser's address, and for one login whether it exists or not.
PER_ADDRESS = RateLimit("password_address", 10, HOUR)
PER_LOGIN = RateLimit("password_login", 3, HOUR)


class SignIn(LoginView):  # type: ignore[misc]  # allauth is not typed
    """The sign-in page, with the demo credentials beside the form."""

    form_class = SignInForm
    template_name = "registration/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `demo_login`, None without DEMO_LOGIN_HINT, and `next` if it is safe."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {
            "demo_login": demo_login(),
            "next": self.get_next_url(),
            "can_have_passkeys": can_have_passkeys(),
        }


class StaffSignIn(SignIn):
    """The sign-in page of the admin: the same way in, with the second factor if there is one."""

    form_class = StaffSignInForm
    template_name = "admin/login.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Lead staff who are signed in to the admin."""
        if admin.site.has_permission(request):
            return HttpResponseRedirect(self.get_success_url())
        return super().get(request, *args, **kwargs)

    def get_default_success_url(self) -> str:
        """Lead to the admin."""
        return reverse("admin:index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the templates of the admin want."""
        context = super().get_context_data(**kwargs) | admin.site.each_context(self.request)
        return context | {
            "title": _("Войти"),
            "app_path": self.request.get_full_path(),
            "username": self.request.user.get_username(),
            "next": self.get_success_url(),
        }


def demo_login() -> dict[str, str] | None:
    """Return both parts of DEMO_LOGIN_HINT, «login / password»; None when it is unset."""
    username, _slash, password = settings.DEMO_LOGIN_HINT.partition(" / ")
    return {"username": username, "password": password} if password else None


class ForgottenPassword(PasswordResetView):  # type: ignore[misc]  # allauth is not typed
    """Sends a link to set a new password. The answer never tells whether a login exists."""

    form_class = ForgottenPasswordForm
    template_name = "registration/password_reset.html"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: ForgottenPasswordForm) -> Any:
        """Send the links, unless too many were asked for."""
        if not is_mail_configured():
            return self.render_to_response(self.get_context_data(form=form))
        if self._is_too_often(form.cleaned_data["login"]):
            return render(self.request, "registration/password_reset_limit.html", status=429)
        return super().form_valid(form)

    def _is_too_often(self, login: str) -> bool:
        now = timezone.now().timestamp()
        address = limited_address(self.request)
        if address is not None and consume(PER_ADDRESS, address, now=now):
            return True
        return bool(consume(PER_LOGIN, login.strip().lower(), now=now))


@method_decorator(login_not_required, name="dispatch")
class LinkSent(TemplateView):
    """Says what to expect after a link was asked for."""

    template_name = "registration/password_reset_sent.html"


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class NewPassword(PasswordResetFromKeyView):  # type: ignore[misc]  # allauth is not typed
    """Sets the new password, once per link."""

    form_class = NewPasswordForm
    template_name = "registration/password_reset_confirm.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> Any:
        """Store it, end every session of the person and lead to the sign-in page."""
        with acting("password link", lambda: form.user), transaction.atomic():
            if not self._is_link_unused(form.user):
                return self.render_to_response(self.get_context_data(token_fail=True))
            response = super().form_valid(form)
            # This browser's session is not the person's any more: its mark of the password is old.
            ended = end_sessions(form.user, but=self.request.session.session_key)
        if ended:
            text = _("Пароль сохранён, прежние сеансы завершены. Войдите с новым паролем.")
        else:
            text = _("Пароль сохранён. Войдите с ним.")
        messages.success(self.request, text)
        return response

    def _is_link_unused(self, user: User) -> bool:
        """Lock the user's row and return whether no parallel request has used the link."""
        locked = User.objects.select_for_update().get(pk=user.pk)
        token = self.request.session.get(INTERNAL_RESET_SESSION_KEY)
        return default_token_generator.check_token(locked, token)


class ChangePassword(PasswordChangeView):  # type: ignore[misc]  # allauth is not typed
    """Changes the password of the person who is signed in; other browsers are signed out."""

    form_class = ChangePasswordForm
    template_name = "registration/password_change.html"
    success_url = reverse_lazy("integrations:dashboard")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Lead a person without a password to the link by which one is set."""
        if not cast(User, request.user).has_usable_password():
            return HttpResponseRedirect(reverse("password_reset"))
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, end the other sessions and lead to the integrations page with a message."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
            end_sessions(form.user, but=self.request.session.session_key)
        messages.success(self.request, _("Пароль изменён. В других браузерах нужно войти заново."))
        return response


class Sessions(TemplateView):
    """Where the person is signed in; a post ends the sessions of other browsers."""

    template_name = "registration/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the sessions, this browser's first."""
        own = self.request.session.session_key
        rows = [
            {
                "browser": browser_name(one.browser),
                "address": one.address,
                "started_at": one.started_at,
                "is_own": one.session_key == own,
            }
            for one in live_sessions(self._person)[:MAX_SHOWN]
        ]
        rows.sort(key=lambda row: not row["is_own"])
        return super().get_context_data(**kwargs) | {"rows": rows}

    def post(self, request: HttpRequest) -> HttpResponse:
        """End the other sessions, recorded in the audit trail."""
        with transaction.atomic():
            ended = end_sessions(self._person, but=request.session.session_key)
            if ended:
                log_change(
                    cabinet=None,
                    actor=self._person,
                    action="user.sessions_ended",
                    subject=self._person,
                    after={"count": ended},
                )
        if ended:
            text = _("Другие сеансы завершены: там нужно войти заново.")
        else:
            text = _("Других сеансов нет.")
        messages.success(request, text)
        return HttpResponseRedirect(reverse("sessions"), status=303)

    @property
    def _person(self) -> User:
        return cast(User, self.request.user)
