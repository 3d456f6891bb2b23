"""URLs of the pages about sources of calls, and of switching the cabinet.

`dashboard.urls` includes them, together with the list of sources.
"""

from __future__ import annotations

from django.urls import path

from cabinets import source_views, switch_cabinet

SOURCES = "integrations/sources"
PEOPLE = "integrations/people"

urlpatterns = [
    path("cabinets/<int:pk>/choose", switch_cabinet.choose_cabinet, name="choose"),
    path(f"{SOURCES}/add", source_views.add_source, name="source-add"),
    path(f"{SOURCES}/<int:pk>/settings", source_views.change_source, name="source-change"),
    path(f"{SOURCES}/<int:pk>/switch", source_views.switch_source, name="source-switch"),
    path(f"{SOURCES}/<int:pk>/secret", source_views.rotate_secret, name="source-rotate"),
    path(
        f"{SOURCES}/<int:pk>/secrets/<int:secret_pk>/retire",
        source_views.retire_secret,
        name="source-retire",
    ),
]
