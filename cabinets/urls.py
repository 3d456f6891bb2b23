"""Addresses of the pages about sources of calls, and of the way to another cabinet."""

from __future__ import annotations

from django.urls import path

from cabinets import choosing, source_pages

app_name = "cabinets"

SOURCES = "integrations/sources"

urlpatterns = [
    path("cabinets/<int:pk>/choose", choosing.choose_cabinet, name="choose"),
    path(SOURCES, source_pages.source_list, name="sources"),
    path(f"{SOURCES}/add", source_pages.add_source, name="source-add"),
    path(f"{SOURCES}/<int:pk>/switch", source_pages.switch_source, name="source-switch"),
    path(f"{SOURCES}/<int:pk>/secret", source_pages.rotate_secret, name="source-rotate"),
    path(
        f"{SOURCES}/<int:pk>/secrets/<int:secret_pk>/retire",
        source_pages.retire_secret,
        name="source-retire",
    ),
]
