"""The root URLconf."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.invitation_views import invitation
from accounts.preference_page import preferences, switch_preference
from accounts.views import (
    ChangePassword,
    ForgottenPassword,
    LinkSent,
    NewPassword,
    Sessions,
    SignIn,
)
from callkeeper_metrika import health

urlpatterns = [
    path("", RedirectView.as_view(url="/lk/integrations")),
    path("lk/", include("dashboard.urls")),
    path("lk/", include("notices.urls")),
    path("", include("calls.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    # Staff change their password where customers do.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("accounts/password/forgotten/", ForgottenPassword.as_view(), name="password_reset"),
    path("accounts/password/sent/", LinkSent.as_view(), name="password_reset_done"),
    path(
        "accounts/password/new/<uidb64>/<token>/",
        NewPassword.as_view(),
        name="password_reset_confirm",
    ),
    path("accounts/password/change/", ChangePassword.as_view(), name="password_change"),
    path("accounts/preferences/", preferences, name="preferences"),
    path("accounts/preferences/switch", switch_preference, name="preference-switch"),
    path("accounts/invitation/<str:token>/", invitation, name="invitation"),
    path("accounts/sessions/", Sessions.as_view(), name="sessions"),
]
