"""The state a person is shown, in SQL: the row's own, and for a gathered row its upload's.

The one definition: lists, filters, totals, a call's journey and the admin all annotate with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from calls.models import Call, Delivery, Upload
from calls.states import Attention, DeliveryState, Shown, UploadState


class ShownColumns(TypedDict):
    """What `with_shown` adds to a row."""

    shown: str
    why: str


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    ShownDelivery = WithAnnotations[Delivery, ShownColumns]
else:
    ShownDelivery = Delivery

#: The upload is there, and Metrika has not been asked to take it, or not yet successfully.
_ON_ITS_WAY = (
    UploadState.READY,
    UploadState.LATER,
    UploadState.SENDING,
    UploadState.SPLITTING,
)
_DONE = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)


def shown_state(now: datetime) -> Case:
    """Return the SQL of a delivery's shown state; its values are those of `Shown`."""
    return Case(*_own(now), *_of_upload("upload__"), default=_shown(Shown.NEEDS_ATTENTION))


def shown_of_upload(upload_id: int) -> Shown:
    """Return how the calls in an upload are shown, by the same SQL."""
    rows = Upload.objects.filter(pk=upload_id)
    shown = Case(*_of_upload(), default=_shown(Shown.NEEDS_ATTENTION))
    return Shown(rows.values_list(shown, flat=True).get())


def shown_reason() -> Coalesce:
    """Return the SQL of the reason's code: the rule that refused, or what ails the upload."""
    return Coalesce(
        NullIf(F("reason"), Value("")), F("upload__attention"), Value(""), output_field=CharField()
    )


def with_shown(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[ShownDelivery]:
    """Annotate `shown` and `why` (codes); both join the upload."""
    return deliveries.annotate(shown=shown_state(now), why=shown_reason())


def is_changed_after_send(call: Call, delivery: Delivery) -> bool:
    """Return whether the call has changed since its values were frozen in a file."""
    frozen = delivery.call_revision
    return frozen is not None and call.revision > frozen


def _own(now: datetime) -> list[When]:
    return [
        # Nothing takes it any more, even before the clock has written so.
        When(state=DeliveryState.WAITING, expires_at__lte=now, then=_shown(Shown.EXPIRED)),
        When(state=DeliveryState.WAITING, not_before__gt=now, then=_shown(Shown.HELD)),
        When(state=DeliveryState.WAITING, then=_shown(Shown.WAITING)),
        When(state=DeliveryState.SKIPPED, then=_shown(Shown.SKIPPED)),
        When(state=DeliveryState.EXPIRED, then=_shown(Shown.EXPIRED)),
        When(state=DeliveryState.NEEDS_ATTENTION, then=_shown(Shown.NEEDS_ATTENTION)),
        When(state=DeliveryState.ROW_REFUSED, then=_shown(Shown.ROW_REFUSED)),
    ]


def _of_upload(prefix: str = "") -> list[When]:
    """The cases of an upload: of the row itself, or with the prefix of the one it is joined by."""

    def when(shown: Shown, /, **conditions: Any) -> When:
        named = {f"{prefix}{name}": value for name, value in conditions.items()}
        return When(**named, then=_shown(shown))

    return [
        when(Shown.BATCHED, state__in=_ON_ITS_WAY),
        when(Shown.UNCLEAR, state=UploadState.UNCLEAR),
        when(Shown.SENT, state=UploadState.SENT),
        when(Shown.EXPIRED, state=UploadState.CANCELLED, attention=Attention.EXPIRED),
        when(Shown.SKIPPED, state=UploadState.CANCELLED),
        when(Shown.ROW_REFUSED, state__in=_DONE, attention=Attention.ROW_REFUSED),
        when(Shown.ACCEPTED, state=UploadState.PROCESSED),
        # A file of static calls always ends so, and its calls are in the reports nevertheless:
        # https://yandex.com/dev/metrika/en/management/calls
        when(Shown.ACCEPTED, state=UploadState.LINKAGE_FAILURE, is_static=True),
        when(Shown.UNMATCHED, state=UploadState.LINKAGE_FAILURE),
    ]


def _shown(state: Shown) -> Value:
    return Value(state.value, output_field=CharField())
