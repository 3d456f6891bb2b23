"""The state a person is shown, in SQL: the row's own, and for a gathered row its upload's.

The one definition: lists, filters, totals, a call's journey and the admin all annotate with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from calls.models import Call, Delivery, Upload
from calls.states import Attention, DeliveryState, DisplayState, UploadState


class DisplayColumns(TypedDict):
    """What `with_display_state` adds to a row."""

    display_state: str
    why: str


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    DisplayDelivery = WithAnnotations[Delivery, DisplayColumns]
else:
    DisplayDelivery = Delivery

#: The upload is there, and Metrika has not been asked to take it, or not yet successfully.
_ON_ITS_WAY = (
    UploadState.READY,
    UploadState.LATER,
    UploadState.SENDING,
    UploadState.SPLITTING,
)
_DONE = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)


def display_state_case(now: datetime) -> Case:
    """Return the SQL of a delivery's shown state; its values are those of `DisplayState`."""
    return Case(*_own(now), *_of_upload("upload__"), default=_shown(DisplayState.NEEDS_ATTENTION))


def display_state_of_upload(upload_id: int) -> DisplayState:
    """Return how the calls in an upload are shown, by the same SQL."""
    rows = Upload.objects.filter(pk=upload_id)
    shown = Case(*_of_upload(), default=_shown(DisplayState.NEEDS_ATTENTION))
    return DisplayState(rows.values_list(shown, flat=True).get())


def display_reason() -> Coalesce:
    """Return the SQL of the reason's code: the rule that refused, or what ails the upload."""
    return Coalesce(
        NullIf(F("reason"), Value("")), F("upload__attention"), Value(""), output_field=CharField()
    )


def with_display_state(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[DisplayDelivery]:
    """Annotate `display_state` and `why` (codes); both join the upload."""
    return deliveries.annotate(display_state=display_state_case(now), why=display_reason())


def is_changed_after_send(call: Call, delivery: Delivery) -> bool:
    """Return whether the call has changed since its values were frozen in a file."""
    frozen = delivery.call_revision
    return frozen is not None and call.revision > frozen


def _own(now: datetime) -> list[When]:
    return [
        # Nothing takes it any more, even before the clock has written so.
        When(state=DeliveryState.WAITING, expires_at__lte=now, then=_shown(DisplayState.EXPIRED)),
        When(state=DeliveryState.WAITING, not_before__gt=now, then=_shown(DisplayState.HELD)),
        When(state=DeliveryState.WAITING, then=_shown(DisplayState.WAITING)),
        When(state=DeliveryState.SKIPPED, then=_shown(DisplayState.SKIPPED)),
        When(state=DeliveryState.EXPIRED, then=_shown(DisplayState.EXPIRED)),
        When(state=DeliveryState.NEEDS_ATTENTION, then=_shown(DisplayState.NEEDS_ATTENTION)),
        When(state=DeliveryState.ROW_REFUSED, then=_shown(DisplayState.ROW_REFUSED)),
    ]


def _of_upload(prefix: str = "") -> list[When]:
    """The cases of an upload: of the row itself, or with the prefix of the one it is joined by."""

    def when(display_state: DisplayState, /, **conditions: Any) -> When:
        named = {f"{prefix}{name}": value for name, value in conditions.items()}
        return When(**named, then=_shown(display_state))

    return [
        when(DisplayState.BATCHED, state__in=_ON_ITS_WAY),
        when(DisplayState.UNCLEAR, state=UploadState.UNCLEAR),
        when(DisplayState.SENT, state=UploadState.SENT),
        when(DisplayState.EXPIRED, state=UploadState.CANCELLED, attention=Attention.EXPIRED),
        when(DisplayState.SKIPPED, state=UploadState.CANCELLED),
        when(DisplayState.ROW_REFUSED, state__in=_DONE, attention=Attention.ROW_REFUSED),
        when(DisplayState.ACCEPTED, state=UploadState.PROCESSED),
        # A file of static calls always ends so, and its calls are in the reports nevertheless:
        # https://yandex.com/dev/metrika/en/management/calls
        when(DisplayState.ACCEPTED, state=UploadState.LINKAGE_FAILURE, is_static=True),
        when(DisplayState.UNMATCHED, state=UploadState.LINKAGE_FAILURE),
    ]


def _shown(state: DisplayState) -> Value:
    return Value(state.value, output_field=CharField())
