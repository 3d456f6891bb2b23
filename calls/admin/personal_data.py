"""Which personal data of calls a staff user may see and search for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.db.models import Model
from django.http import HttpRequest

from cabinets.admin_base import SupportAdmin, current_user
from calls.masking import Mask, masked_address, masked_campaign, masked_text, masked_value
from calls.models import Call, CallKey
from calls.queries.search import call_ids

#: The permission to see whole phones and the raw records of calls.
SEES_PERSONAL_DATA = "calls.view_personal_data"
#: Columns of a call that may hold a whole phone besides `phone` itself.
AS_IT_CAME = ("raw", "phone_text", "unreadable_identifiers", "conflict")
#: Columns of a call that are shown masked to staff without the permission.
MASKS: dict[str, Mask] = {
    "external_id": masked_value,
    "client_id": masked_value,
    "yclid": masked_value,
    "user_id": masked_value,
    "campaign_id": masked_campaign,
    "campaign_name": masked_campaign,
    "page_url": masked_address,
    "site": masked_address,
    "site_host": masked_text,
    "service_type": masked_text,
    "tags": masked_text,
}


def sees_phones(request: HttpRequest) -> bool:
    """Whether the user may see whole phones."""
    return current_user(request).has_perm(SEES_PERSONAL_DATA)


def permitted_columns(
    request: HttpRequest, names: Iterable[Any], model: type[Model] = Call
) -> list[Any]:
    """Return the columns of a call or its key: with the permission whole values, else masked ones.

    A column of `MASKS` is replaced by a function that the admin displays in its place.
    """
    if sees_phones(request):
        return ["phone" if name == "shown_phone" else name for name in names]
    kept = [name for name in names if name not in AS_IT_CAME]
    return [_masked_column(name, model) if name in MASKS else name for name in kept]


def _masked_column(name: str, model: type[Model]) -> Callable[[Call | CallKey], str]:
    mask = MASKS[name]

    @admin.display(description=str(label_for_field(name, model)))
    def masked(call: Call | CallKey) -> str:
        value = getattr(call, name)
        return mask(", ".join(value) if isinstance(value, list) else value)

    return masked


@admin.display(description=str(label_for_field("external_id", Call)))
def _whole_call(row: Any) -> str:
    """Return the whole external id of the row's call; its text (`str`) is masked."""
    return str(row.call.external_id)


class OfCallAdmin(SupportAdmin):
    """A list of rows that belong to calls: with the permission it names them by whole ids."""

    never_fetched = ("call__raw", "call__page_url")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show whole external ids with the permission."""
        names: list[Any] = list(super().get_list_display(request))
        is_whole = sees_phones(request)
        return [_whole_call if name == "call" and is_whole else name for name in names]


def search_calls(request: HttpRequest, text: str) -> list[int]:
    """Return ids of the calls that the text names, as far as the user may search."""
    return call_ids(text, sees_phones=sees_phones(request))
