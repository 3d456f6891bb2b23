"""Addresses of calls: the interface for senders and the pages of the cabinet."""

from __future__ import annotations

from django.urls import path

from calls import api, api_docs, views

app_name = "calls"

urlpatterns = [
    path("lk/integrations/yandex/counters/<int:counter_pk>/history", views.history, name="history"),
    path("lk/integrations/calls/<int:call_id>", views.journey, name="journey"),
    path("lk/integrations/yandex/uploads/<int:pk>", views.upload, name="upload"),
    path("lk/integrations/yandex/uploads/<int:pk>/csv", views.upload_csv, name="upload-csv"),
    path("api/v1/calls", api.ingest, name="ingest"),
    path("api/docs", api_docs.page, name="api-docs"),
    path("api/openapi.json", api_docs.openapi, name="openapi"),
]
