"""URLs of the pages about notices."""

from __future__ import annotations

from django.urls import path

from notices.pages import choice_views, list_views

app_name = "notices"
NOTICES = "integrations/notices"

urlpatterns = [
    path(NOTICES, list_views.notice_list, name="list"),
    path(f"{NOTICES}/choices", choice_views.choices, name="choices"),
]
