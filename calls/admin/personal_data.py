"""Which personal data of calls a staff user may see and search for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.http import HttpRequest

from cabinets.admin_base import current_user
from calls.models import Call
from calls.phones import with_masked_phones
from calls.queries.search import call_ids

#: The permission to see whole phones and the raw records of calls.
SEES_PERSONAL_DATA = "calls.view_personal_data"
#: Columns of a call that may hold a whole phone besides `phone` itself.
AS_IT_CAME = ("raw", "phone_text", "unreadable_identifiers", "conflict")


#: Texts of a call that are shown to everybody, with the phones in them masked.
MASKED = (
    *("site", "site_host", "campaign_id", "campaign_name", "page_url", "tags"),
    *("client_id", "yclid", "user_id"),
)


def sees_phones(request: HttpRequest) -> bool:
    """Whether the user may see whole phones."""
    return current_user(request).has_perm(SEES_PERSONAL_DATA)


def permitted_columns(request: HttpRequest, names: Iterable[Any]) -> list[Any]:
    """Return the columns: with the permission the whole phone, else no value as it came.

    A column of `MASKED` is replaced by a function that the admin displays in its place.
    """
    if sees_phones(request):
        return ["phone" if name == "shown_phone" else name for name in names]
    kept = [name for name in names if name not in AS_IT_CAME]
    return [_masked_column(name) if name in MASKED else name for name in kept]


def _masked_column(name: str) -> Callable[[Call], str]:
    @admin.display(description=str(label_for_field(name, Call)))
    def masked(call: Call) -> str:
        value = getattr(call, name)
        return with_masked_phones(", ".join(value) if isinstance(value, list) else value)

    return masked


def search_calls(request: HttpRequest, text: str) -> list[int]:
    """Return ids of the calls that the text names, as far as the user may search."""
    return call_ids(text, sees_phones=sees_phones(request))
