"""URLs of settings as things, in the namespace `counters`."""

from __future__ import annotations

from django.urls import path

from counters.urls import COUNTER
from dashboard import settings_views

HISTORY = f"{COUNTER}/settings/history"

urlpatterns = [
    path(f"{COUNTER}/settings/copy", settings_views.copy_settings, name="settings-copy"),
    path(HISTORY, settings_views.settings_history, name="settings-history"),
    path(f"{HISTORY}/restore", settings_views.restore_settings, name="settings-restore"),
]
