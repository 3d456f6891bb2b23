"""URLs of the help pages. `cabinets.help_links` makes links to them."""

from __future__ import annotations

from django.urls import path

from help import views

app_name = "help"

urlpatterns = [
    path("", views.index, name="index"),
    path("<slug:code>", views.page, name="page"),
]
