"""The root URLconf."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views import StaffSignIn
from callkeeper_metrika import health, status_page

urlpatterns = [
    path("", RedirectView.as_view(url="/lk/integrations")),
    path("lk/", include("dashboard.urls")),
    path("lk/", include("notices.urls")),
    path("lk/", include("doctor.urls")),
    path("", include("calls.urls")),
    path("status", status_page.page, name="status"),
    path("status.json", status_page.data, name="status-data"),
    path("help/", include("help.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    # Staff change their password where customers do.
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/login/", StaffSignIn.as_view()),  # the second factor is asked for here as well
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
]
