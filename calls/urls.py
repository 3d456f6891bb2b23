"""Addresses of calls: the interface for senders and the pages of the cabinet."""

from __future__ import annotations

from django.urls import path

from calls import api, api_docs, order_views, views

app_name = "calls"

DELIVERY = "lk/integrations/calls/<int:call_id>/deliveries/<int:counter_pk>/<int:channel>"
UPLOAD = "lk/integrations/yandex/uploads/<int:pk>"

urlpatterns = [
    path("lk/integrations/yandex/counters/<int:counter_pk>/history", views.history, name="history"),
    path("lk/integrations/calls/<int:call_id>", views.journey, name="journey"),
    path("lk/integrations/yandex/uploads/<int:pk>", views.upload, name="upload"),
    path("lk/integrations/yandex/uploads/<int:pk>/csv", views.upload_csv, name="upload-csv"),
    path(f"{DELIVERY}/release", order_views.release, name="release"),
    path(f"{DELIVERY}/call-off", order_views.call_off, name="call-off"),
    path(f"{DELIVERY}/send-again", order_views.send_again, name="send-again"),
    path(f"{UPLOAD}/retry", order_views.retry_upload, name="upload-retry"),
    path(f"{UPLOAD}/gather-again", order_views.gather_upload_again, name="upload-gather-again"),
    path(f"{UPLOAD}/look-up", order_views.look_up_upload, name="upload-look-up"),
    path(f"{UPLOAD}/poll", order_views.poll_upload, name="upload-poll"),
    path(f"{UPLOAD}/call-off", order_views.call_off_upload, name="upload-call-off"),
    path("api/v1/calls", api.ingest, name="ingest"),
    path("api/docs", api_docs.page, name="api-docs"),
    path("api/openapi.json", api_docs.openapi, name="openapi"),
]
