"""The state of a delivery as people see it, in SQL: its own, or that of its upload.

The only definition: lists, filters, totals, a call's timelines and the admin annotate with it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import Case, QuerySet

from calls.models import Call, Delivery, Upload
from calls.models.display_cases import cases_of_upload, value_of
from calls.models.display_cases import display_reason as display_reason
from calls.models.display_cases import display_state_case as display_state_case
from calls.models.display_cases import own_state_case as own_state_case
from calls.states import DisplayState


class DisplayColumns(TypedDict):
    """What `with_display_state` adds to a row."""

    display_state: str
    why: str


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    DisplayDelivery = WithAnnotations[Delivery, DisplayColumns]
else:
    DisplayDelivery = Delivery


def display_state_of_upload(upload_id: int) -> DisplayState:
    """Return the display state of an upload's calls, by the same SQL."""
    ((state, _is_sent),) = states_of_uploads([upload_id]).values()
    return DisplayState(state)


def uploads_in_states(states: Collection[str]) -> QuerySet[Upload]:
    """Return the uploads whose calls are shown in these states, unless a row has one of its own."""
    found: QuerySet[Upload] = _with_state().filter(display_state__in=states)
    return found


def states_of_uploads(ids: Collection[int]) -> dict[int, tuple[str, bool]]:
    """Return the display state of the calls of these uploads, and whether Metrika has them."""
    rows = _with_state().filter(pk__in=ids).order_by()
    return {
        pk: (state, uploading is not None)
        for pk, state, uploading in rows.values_list("pk", "display_state", "uploading_id")
    }


def _with_state() -> Any:
    default = value_of(DisplayState.NEEDS_ATTENTION)
    return Upload.objects.annotate(display_state=Case(*cases_of_upload(), default=default))


def with_display_state(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[DisplayDelivery]:
    """Annotate `display_state` and `why`, the code of the reason; both join the upload."""
    return deliveries.annotate(display_state=display_state_case(now), why=display_reason())


def is_changed_in_file(call: Call, delivery: Delivery) -> bool:
    """Return whether the call has changed since its values were written to a file."""
    frozen = delivery.call_revision
    return frozen is not None and call.revision > frozen


def is_changed_after_send(call: Call, delivery: Delivery) -> bool:
    """Return whether the call has changed since, and Metrika has that file."""
    upload = delivery.upload
    is_sent = upload is not None and upload.uploading_id is not None
    return is_sent and is_changed_in_file(call, delivery)
