"""Pages of the cabinet about calls: a counter's history, one call, one upload."""

from __future__ import annotations

import json
from typing import Any, cast

from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from cabinets import audit
from cabinets.access import CabinetRequest, cabinet_required, manage_required
from calls.delivery import file_store
from calls.masking import Mask, masked_address, masked_text, masked_value
from calls.models import Call, CallKey, Upload, UploadFile
from calls.pages.bulk_page import bar_context
from calls.pages.buttons import buttons_of_upload
from calls.pages.call_details import conflict_text, details_of
from calls.pages.help_codes import help_code_of_upload
from calls.pages.history_page import TOTALS, filter_form, history_context, totals_context
from calls.pages.proof_panel import panel_context
from calls.pages.spreadsheet import spreadsheet_of
from calls.pages.timeline import timelines_of
from calls.pages.timeline_layout import layout_of
from calls.pages.timeline_steps import steps_of_call
from calls.pages.unrouted import others_of, unrouted_timelines
from calls.pages.upload_page import (
    attempts_of,
    figures_of,
    ledger_rows_of,
    proved_upload,
    sent_at_of,
    taken_over_sentences,
    upload_status,
)
from calls.pages.upload_preview import preview_of
from calls.phones import masked_phone
from calls.queries.same_second import rows_of_same_second
from calls.queries.unknown_files import unknown_by_counter
from calls.states import IdKind
from calls.workbook import CONTENT_TYPE as EXCEL

#: CSV columns masked for people who may not see phones.
MASKS: dict[str, Mask] = {
    "PhoneNumber": masked_phone,
    "ClientId": masked_value,
    "Yclid": masked_value,
    "UserId": masked_value,
    "Tag": masked_text,
    "URL": masked_address,
}


@require_safe
@cabinet_required
def history(request: HttpRequest, counter_pk: int) -> HttpResponse:
    """List the deliveries of a counter, newest call first, with the state of each.

    To htmx that asks for the totals these alone are shown.
    """
    person = cast(CabinetRequest, request)
    counter = get_object_or_404(_counters(person), pk=counter_pk)
    form = filter_form(person, counter, request.GET.dict())
    unknown = unknown_by_counter([counter.pk]).get(counter.pk)
    context: dict[str, Any] = {"counter": counter, "filters": form, "unknown": unknown}
    context["can_manage"] = person.membership.can_manage
    if form.is_valid():
        if person.htmx and TOTALS in person.GET:
            context |= totals_context(counter, form.filters())
            return render(request, "calls/_history_totals.html", context)
        context |= history_context(person, counter, form)
        if "cursor" not in person.GET:
            can_manage = context["can_manage"]
            context |= panel_context(counter, can_manage=can_manage, now=timezone.now())
        if context["can_manage"] and context.get("rows") and "cursor" not in person.GET:
            shown = context.get("filters", form)
            context |= bar_context(counter, shown, context.get("totals"))
    return render(request, "calls/history.html", context)


@require_safe
@cabinet_required
def call_page(request: HttpRequest, call_id: int) -> HttpResponse:
    """Show one call with its timeline: of all its counters, or of what `?only=` names.

    With `?record` the record as it came is shown, to people who may see phones.
    """
    return _show_call(cast(CabinetRequest, request), call_id)


@require_safe
@cabinet_required
def call_page_by_key(request: HttpRequest, key: str) -> HttpResponse:
    """Show the call that Metrika names by this key."""
    person = cast(CabinetRequest, request)
    known = CallKey.objects.filter(cabinet=person.cabinet).with_key(key)
    return _show_call(person, get_object_or_404(known).pk)


def _show_call(person: CabinetRequest, call_id: int) -> HttpResponse:
    sees_phones = person.membership.can_manage
    has_record = sees_phones and "record" in person.GET
    calls = Call.objects.select_related("source")
    calls = calls if has_record else calls.defer("raw")
    calls = calls.annotate(status_came=KeyTextTransform("status", "raw"))
    call = get_object_or_404(calls, cabinet=person.cabinet, pk=call_id)
    only = person.GET.get("only", "")
    timelines = timelines_of(call, now=timezone.now(), is_whole=sees_phones)
    unrouted = unrouted_timelines(call, timelines, only=only, is_whole=sees_phones)
    shown = [*timelines, *unrouted]
    layout = layout_of(shown, only=only, steps=[] if shown else steps_of_call(call))
    if not sees_phones:
        for timeline in timelines:
            timeline.values.update(_masked(timeline.values))
    context = {
        "call": {
            "pk": call.pk,
            "at": call.started_at,
            "external_id": call.external_id if sees_phones else masked_value(call.external_id),
            "details": details_of(
                call, sees_phones=sees_phones, status_came=vars(call)["status_came"] or ""
            ),
            "conflict": conflict_text(call, sees_phones=sees_phones),
            "is_changed": call.revision > 1,
            "record": json.dumps(call.raw, ensure_ascii=False, indent=2) if has_record else "",
        },
        "timelines": timelines,
        "layout": layout,
        "others": [] if layout.is_one_of_many else others_of(call, timelines),
        "can_manage": sees_phones,
        "changed": [one for one in timelines if one.changed_text],
    }
    return render(person, "calls/call_journey.html", context)


def _masked(values: dict[str, str]) -> dict[str, str]:
    return {name: mask(values[name]) for name, mask in MASKS.items() if values.get(name)}


@require_safe
@cabinet_required
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one upload: its counts, its attempts and, to managers, its file."""
    person = cast(CabinetRequest, request)
    shown = get_object_or_404(_uploads(person), pk=pk)
    can_download = person.membership.can_manage
    context = {
        "upload": _upload_context(shown, can_download=can_download),
        "attempts": attempts_of(shown, with_answers=can_download),
        "can_download": can_download,
    }
    if can_download and shown.taken_over_at is None:
        preview = preview_of(shown.pk)
        context |= {
            "preview_header": preview.header,
            "preview_rows": preview.rows,
            "preview_left": shown.rows - len(preview.rows),
        }
    return render(request, "calls/upload_detail.html", context)


@require_safe
@manage_required
def upload_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Download the bytes as they were sent, or with `?for=people` an Excel workbook of them.

    Each download is written to the audit log.
    """
    person = cast(CabinetRequest, request)
    shown = get_object_or_404(_uploads(person), pk=pk)
    file = get_object_or_404(UploadFile.objects.defer("body"), upload=shown)
    is_for_people = request.GET.get("for") == "people"
    audit.log_change(
        cabinet=person.cabinet,
        actor=person.user,
        action="upload.downloaded",
        subject=shown,
        after={"as": "table" if is_for_people else "sent"},
    )
    name = f"callkeeper-{shown.counter.number}-{shown.pk}"
    if is_for_people:
        workbook = spreadsheet_of(file_store.bytes_of(file.pk), zone=person.cabinet.zone)
        return _attachment(workbook, f"{name}.xlsx", EXCEL)
    body = b"".join(file_store.bytes_of(file.pk))
    return _attachment(body, f"{name}.csv", "text/csv; charset=utf-8")


def _attachment(content: bytes, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def _counters(request: CabinetRequest) -> Any:
    return request.cabinet.counters.select_related("account", "goal", "callback_goal").defer(
        "account__access_token", "account__refresh_token"
    )


def _uploads(request: CabinetRequest) -> Any:
    return request.cabinet.uploads.select_related("counter__account", "counter__goal").defer(
        "counter__account__access_token", "counter__account__refresh_token"
    )


def _upload_context(shown: Upload, *, can_download: bool) -> dict[str, Any]:
    status = upload_status(shown, now=timezone.now())
    return {
        "number": shown.pk,
        "counter": shown.counter,
        "history_url": reverse("calls:history", args=[shown.counter_id]),
        "download_url": reverse("calls:upload-csv", args=[shown.pk])
        if can_download and shown.taken_over_at is None
        else "",
        "taken_over": taken_over_sentences(shown),
        "state_text": status.text,
        "state_tone": status.tone,
        "reason_text": status.sentence,
        "help_code": help_code_of_upload(shown),
        "is_blocked": status.is_blocked,
        "rows": shown.rows,
        "lines": shown.line_quantity,
        "linked": shown.linked_rows,
        "figures": figures_of(shown),
        "proved": proved_upload(shown),
        "ledger": ledger_rows_of(shown),
        "same_second": rows_of_same_second(shown),
        "channel_text": shown.get_channel_display(),
        "identifier_text": "" if shown.is_static else IdKind(shown.id_kind).label,
        "created_at": shown.created_at,
        "sent_at": sent_at_of(shown),
        "marker": shown.marker,
        "parent": shown.parent_id,
        "actions": buttons_of_upload(shown) if can_download else [],
        "metrika_id": shown.uploading_id,
        "duplicate_ids": shown.duplicate_ids,
    }
