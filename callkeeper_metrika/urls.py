"""Addresses of the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from callkeeper_metrika import health

urlpatterns = [
    path("", RedirectView.as_view(url="/lk/integrations")),
    path("lk/", include("cabinets.urls")),
    path("lk/", include("integrations.urls")),
    path("lk/", include("counters.urls")),
    path("", include("calls.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
]
