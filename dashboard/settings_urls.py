"""URLs of settings as things, in the namespace `counters`."""

from __future__ import annotations

from django.urls import path

from counters.urls import COUNTER
from dashboard import settings_views

urlpatterns = [
    path(f"{COUNTER}/settings/copy", settings_views.copy_settings, name="settings-copy"),
]
