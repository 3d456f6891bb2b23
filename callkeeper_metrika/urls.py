"""The root URLconf."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView

from callkeeper_metrika import health
from callkeeper_metrika.auth_views import SignIn

urlpatterns = [
    path("", RedirectView.as_view(url="/lk/integrations")),
    path("lk/", include("dashboard.urls")),
    path("", include("calls.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    # Only these two of Django's auth views: the others have no templates here and are not needed.
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
]
