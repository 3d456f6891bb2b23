"""URLs of settings as things, in the namespace `counters`."""

from __future__ import annotations

from django.urls import path

from counters.urls import COUNTER
from dashboard import goal_views, settings_views, template_views

SETTINGS = f"{COUNTER}/settings"
TEMPLATES = "integrations/yandex/templates"

urlpatterns = [
    path(f"{COUNTER}/goals/create", goal_views.create_goal, name="goal-create"),
    path(f"{SETTINGS}/copy", settings_views.copy_settings, name="settings-copy"),
    path(f"{SETTINGS}/history", settings_views.settings_history, name="settings-history"),
    path(f"{SETTINGS}/history/restore", settings_views.restore_settings, name="settings-restore"),
    path(f"{SETTINGS}/template", template_views.add_template, name="template-add"),
    path(TEMPLATES, template_views.template_list, name="templates"),
    path(f"{TEMPLATES}/<int:pk>/apply", template_views.apply_template, name="template-apply"),
    path(f"{TEMPLATES}/<int:pk>/delete", template_views.remove_template, name="template-delete"),
]
