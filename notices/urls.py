"""URLs of the pages about notices."""

from __future__ import annotations

from django.urls import path

from notices.pages import choice_views, list_views, pause_views, telegram_views, webhook_views

app_name = "notices"
NOTICES = "integrations/notices"

urlpatterns = [
    path(NOTICES, list_views.notice_list, name="list"),
    path(f"{NOTICES}/choices", choice_views.choices, name="choices"),
    path(f"{NOTICES}/pauses/add", pause_views.add, name="pause-add"),
    path(f"{NOTICES}/pauses/<int:pk>/end", pause_views.end, name="pause-end"),
    path(f"{NOTICES}/telegram", telegram_views.link, name="telegram-link"),
    path(f"{NOTICES}/telegram/unlink", telegram_views.unlink, name="telegram-unlink"),
    path(f"{NOTICES}/webhook", webhook_views.webhook, name="webhook"),
    path(f"{NOTICES}/webhook/secret", webhook_views.rotate, name="webhook-rotate"),
    path(f"{NOTICES}/webhook/trial", webhook_views.trial, name="webhook-trial"),
    path(f"{NOTICES}/webhook/remove", webhook_views.remove, name="webhook-remove"),
]
