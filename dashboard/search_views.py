"""The page of the search of a cabinet."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from calls.models import Upload
from calls.pages.ledger_rows import ledger_rows
from calls.pages.upload_page import label_of
from calls.phones import is_guess, searched_end
from calls.queries.display_state import states_of_uploads
from calls.states import TONES
from counters.models import Counter
from dashboard.links import calls_url
from dashboard.search import Found, find


class CabinetSearchForm(forms.Form):
    """The one field of the search."""

    q = forms.CharField(
        label=_("Телефон, номер звонка, выгрузки или счетчика, сайт"),
        max_length=128,
        required=False,
        strip=True,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )


@require_safe
@cabinet_required
def search(request: CabinetRequest) -> HttpResponse:
    """List the calls, uploads and counters of the cabinet that the text of `?q=` finds."""
    form = CabinetSearchForm(request.GET.dict())
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        text = form.cleaned_data["q"]
        sees_phones = request.membership.can_manage
        found = find(request.cabinet, text, sees_phones=sees_phones, now=timezone.now())
        context |= _context(found, sees_phones=sees_phones) | {
            "text": text,
            "is_guess": not sees_phones and is_guess(searched_end(text)),
        }
    return render(request, "search/results.html", context)


def _context(found: Found, *, sees_phones: bool) -> dict[str, Any]:
    states = states_of_uploads([one.pk for one in found.uploads]) if found.uploads else {}
    return {
        "found": found,
        "rows": ledger_rows(found.calls, now=timezone.now(), sees_phones=sees_phones),
        "uploads": [_upload(one, states[one.pk][0]) for one in found.uploads],
        "counters": [_counter(one) for one in found.counters],
    }


def _upload(upload: Upload, state: str) -> dict[str, Any]:
    return {
        "number": upload.pk,
        "metrika_id": upload.uploading_id,
        "url": reverse("calls:upload", args=[upload.pk]),
        "counter": upload.counter,
        "rows": upload.rows,
        "created_at": upload.created_at,
        "channel_text": upload.get_channel_display(),
        "state_text": label_of(upload),
        "state_tone": TONES[state],
    }


def _counter(counter: Counter) -> dict[str, Any]:
    is_removed = counter.removed_at is not None
    return {
        "counter": counter,
        "history_url": calls_url(counter.pk),
        "settings_url": "" if is_removed else reverse("counters:settings", args=[counter.pk]),
    }
