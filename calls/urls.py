"""URLs of calls: the API for senders and the pages of the cabinet."""

from __future__ import annotations

from django.urls import path, register_converter

from calls.ingest.openapi import views as api_docs
from calls.pages import (
    action_views,
    backfill_views,
    bulk_views,
    earlier_views,
    freshness,
    history_export,
    list_views,
    proof_panel,
    quality,
    report_views,
    saved_filters,
    send_views,
    statistics_views,
    unknown_file_views,
    views,
)
from calls.pages.converters import CallKeyConverter
from calls.pages.ledger_export import views as export_views
from calls.pages.sources import (
    address_views,
    import_views,
    mapping_page,
    pull_views,
    rejected_views,
    source_page,
    trial_views,
)
from calls.ways import signed_api, webhook

app_name = "calls"

register_converter(CallKeyConverter, "call_key")

COUNTER = "lk/integrations/yandex/counters/<int:counter_pk>"
DELIVERY = "lk/integrations/calls/<int:call_id>/deliveries/<int:counter_pk>/<int:channel>"
BULK = f"{COUNTER}/bulk/<int:bulk_pk>"
UPLOAD = "lk/integrations/yandex/uploads/<int:pk>"

REPORTS = "lk/integrations/reconciliation"
BACKFILL = "lk/integrations/backfill"
SOURCES = "lk/integrations/sources"
PULL = f"{SOURCES}/<int:pk>/pull"
MAPPING = f"{SOURCES}/<int:pk>/mapping"
IMPORT = f"{SOURCES}/<int:pk>/imports/<int:import_pk>"

urlpatterns = [
    path(f"{COUNTER}/history", views.history, name="history"),
    path(f"{COUNTER}/unknown-files", unknown_file_views.decide_unknown_files, name="unknown-files"),
    path(f"{COUNTER}/proof", proof_panel.order_proof, name="proof-order"),
    path(f"{COUNTER}/proof/seen", proof_panel.see_unknown_rows, name="proof-seen"),
    path(f"{COUNTER}/earlier", earlier_views.send_earlier_calls, name="send-earlier"),
    path(BACKFILL, backfill_views.new_backfill, name="backfill-new"),
    path(f"{BACKFILL}/<int:pk>", backfill_views.backfill_page, name="backfill"),
    path(f"{BACKFILL}/<int:pk>/start", backfill_views.start_backfill, name="backfill-start"),
    path(f"{BACKFILL}/<int:pk>/stop", backfill_views.stop_backfill, name="backfill-stop"),
    path(f"{COUNTER}/history.xlsx", history_export.export_history, name="history-export"),
    path(f"{COUNTER}/bulk/new/<slug:kind>", bulk_views.bulk, name="bulk"),
    path(BULK, bulk_views.bulk_action, name="bulk-action"),
    path(f"{BULK}/stop", bulk_views.stop_bulk, name="bulk-stop"),
    path(f"{BULK}/undo", bulk_views.undo_bulk, name="bulk-undo"),
    path("lk/integrations/statistics", statistics_views.statistics, name="statistics"),
    path("lk/integrations/funnel", statistics_views.funnel, name="funnel"),
    path("lk/integrations/calls", list_views.call_list, name="list"),
    path(REPORTS, report_views.reports_page, name="reports"),
    path(f"{REPORTS}/<int:counter_pk>/read", report_views.read_report, name="reports-read"),
    path(f"{REPORTS}/<int:counter_pk>.csv", report_views.reports_csv, name="reports-csv"),
    path("lk/integrations/calls/filters", saved_filters.change_filters, name="filters"),
    path("lk/integrations/calls/export", export_views.export_ledger, name="export"),
    path("lk/integrations/calls/exports/<int:pk>", export_views.export_page, name="export-page"),
    path(
        "lk/integrations/calls/exports/<int:pk>/cancel",
        export_views.cancel_export,
        name="export-cancel",
    ),
    path(
        "lk/integrations/calls/exports/<int:pk>/calls.<slug:format>",
        export_views.export_file,
        name="export-file",
    ),
    # Files carry this address (`CallTrackerURL`); those of earlier versions carry the next one.
    path("lk/integrations/calls/<call_key:key>", views.call_page_by_key, name="call-by-key"),
    path("lk/integrations/calls/<int:call_id>", views.call_page, name="journey"),
    path(
        "lk/integrations/calls/<int:call_id>/send/<int:counter_pk>",
        send_views.send_call,
        name="send",
    ),
    path("lk/integrations/yandex/uploads/<int:pk>", views.upload, name="upload"),
    path("lk/integrations/yandex/uploads/<int:pk>/csv", views.upload_csv, name="upload-csv"),
    path(f"{DELIVERY}/release", action_views.release, name="release"),
    path(f"{DELIVERY}/call-off", action_views.call_off, name="call-off"),
    path(f"{DELIVERY}/send-unlinked", action_views.send_unlinked, name="send-unlinked"),
    path(f"{DELIVERY}/send-again", action_views.send_again, name="send-again"),
    path(f"{UPLOAD}/retry", action_views.retry_upload, name="upload-retry"),
    path(f"{UPLOAD}/gather-again", action_views.gather_upload_again, name="upload-gather-again"),
    path(f"{UPLOAD}/look-up", action_views.look_up_upload, name="upload-look-up"),
    path(f"{UPLOAD}/poll", action_views.poll_upload, name="upload-poll"),
    path(f"{UPLOAD}/call-off", action_views.call_off_upload, name="upload-call-off"),
    path(f"{SOURCES}/<int:pk>", source_page.source_page, name="source"),
    path(f"{SOURCES}/<int:pk>/address", address_views.rotate_address, name="source-address-rotate"),
    path(
        f"{SOURCES}/<int:pk>/addresses/<int:address_pk>/retire",
        address_views.retire_address,
        name="source-address-retire",
    ),
    path(f"{SOURCES}/<int:pk>/rejected", rejected_views.rejected_list, name="source-rejected"),
    path(f"{SOURCES}/<int:pk>/replay", rejected_views.replay_records, name="source-replay"),
    path(f"{SOURCES}/add/pull", pull_views.add_pull, name="source-add-pull"),
    path(f"{PULL}/key", pull_views.change_key, name="source-pull-key"),
    path(f"{PULL}/switch", pull_views.switch_pull, name="source-pull-switch"),
    path(f"{PULL}/now", pull_views.pull_now, name="source-pull-now"),
    path(f"{SOURCES}/<int:pk>/test-call", trial_views.trial_call, name="test-call"),
    path(f"{SOURCES}/<int:pk>/imports/new", import_views.new_import, name="import-new"),
    path(IMPORT, import_views.import_page, name="import"),
    path(f"{IMPORT}/check", import_views.check_import, name="import-check"),
    path(f"{IMPORT}/start", import_views.start_import, name="import-start"),
    path(f"{IMPORT}/cancel", import_views.cancel_import, name="import-cancel"),
    path(f"{IMPORT}/errors.csv", import_views.import_errors, name="import-errors"),
    path(MAPPING, mapping_page.mapping_page, name="source-mapping"),
    path(f"{MAPPING}/preview", mapping_page.preview_mapping, name="source-mapping-preview"),
    path(f"{MAPPING}/save", mapping_page.save_mapping_view, name="source-mapping-save"),
    path("lk/integrations/quality", quality.quality, name="quality"),
    path("lk/integrations/freshness", freshness.freshness, name="freshness"),
    path("api/v1/calls", signed_api.post_calls, name="ingest"),
    path("api/v1/hooks/<str:token>", webhook.hook, name="hook"),
    path("api/docs", api_docs.page, name="api-docs"),
    path("api/openapi.json", api_docs.openapi, name="openapi"),
]
