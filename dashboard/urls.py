"""URLs of the pages that show more than one app, together with the apps' own.

The namespaces `integrations`, `counters` and `cabinets` contain both, so that a URL name does
not depend on the package of its view.
"""

from __future__ import annotations

from django.urls import include, path

from cabinets.urls import PEOPLE, SOURCES
from cabinets.urls import urlpatterns as cabinet_urls
from counters.urls import COUNTER
from counters.urls import urlpatterns as counter_urls
from dashboard import (
    counter_bulk_views,
    counter_views,
    integration_views,
    people_page,
    search_views,
    source_list_page,
)
from dashboard.audit import views as audit_views
from dashboard.settings_urls import urlpatterns as settings_urls
from integrations.urls import ACCOUNT
from integrations.urls import urlpatterns as linking_urls

INTEGRATIONS = [
    path("integrations", integration_views.dashboard, name="dashboard"),
    path("integrations/search", search_views.search, name="search"),
    path(f"{ACCOUNT}/disconnect", integration_views.disconnect, name="account-disconnect"),
    *linking_urls,
]
COUNTERS = [
    path("integrations/yandex", counter_views.counter_list, name="list"),
    path("integrations/yandex/counters/bulk", counter_bulk_views.act_on_counters, name="bulk"),
    path(
        "integrations/yandex/counters/switch-back",
        counter_bulk_views.switch_back,
        name="switch-back",
    ),
    path(COUNTER, counter_views.counter_settings, name="settings"),
    path(f"{COUNTER}/preview", counter_views.settings_preview, name="settings-preview"),
    path(f"{COUNTER}/goals", counter_views.refresh_goals, name="refresh-goals"),
    path(f"{COUNTER}/redecision", counter_views.redecision, name="redecision"),
    path(f"{COUNTER}/delete", counter_views.delete_counter, name="delete"),
    *counter_urls,
    *settings_urls,
]

CABINETS = [
    path(SOURCES, source_list_page.source_list, name="sources"),
    path("integrations/audit", audit_views.audit_trail, name="audit"),
    path(PEOPLE, people_page.people, name="people"),
    path(f"{PEOPLE}/invite", people_page.invite, name="person-invite"),
    path(f"{PEOPLE}/invitations/<int:pk>/revoke", people_page.revoke, name="invitation-revoke"),
    path(f"{PEOPLE}/leave", people_page.leave, name="leave"),
    path(f"{PEOPLE}/<int:pk>/role", people_page.change_role, name="person-role"),
    path(f"{PEOPLE}/<int:pk>/remove", people_page.remove, name="person-remove"),
    path(f"{PEOPLE}/<int:pk>/owner", people_page.hand_over, name="person-owner"),
    *cabinet_urls,
]

urlpatterns = [
    path("", include((CABINETS, "cabinets"))),
    path("", include((INTEGRATIONS, "integrations"))),
    path("", include((COUNTERS, "counters"))),
]
