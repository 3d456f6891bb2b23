"""Which personal data of calls a staff user may see and search for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from cabinets.admin_base import current_user
from calls.queries.search import call_ids

#: The permission to see whole phones and the raw records of calls.
SEES_PERSONAL_DATA = "calls.view_personal_data"
#: Columns of a call that may hold a whole phone besides `phone` itself.
AS_IT_CAME = ("raw", "phone_text", "unreadable_identifiers", "conflict")


def sees_phones(request: HttpRequest) -> bool:
    """Whether the user may see whole phones."""
    return current_user(request).has_perm(SEES_PERSONAL_DATA)


def permitted_columns(request: HttpRequest, names: Iterable[Any]) -> list[Any]:
    """Return the columns: with the permission the whole phone, else no value as it came."""
    if sees_phones(request):
        return ["phone" if name == "shown_phone" else name for name in names]
    return [name for name in names if name not in AS_IT_CAME]


def search_calls(request: HttpRequest, text: str) -> list[int]:
    """Return ids of the calls that the text names, as far as the user may search."""
    return call_ids(text, sees_phones=sees_phones(request))
