"""The state a person is shown, in SQL: the row's own, and for a gathered row its upload's.

The one definition: lists, filters, totals, a call's journey and the admin all annotate with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from calls.models import Delivery
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
_ON_ITS_WAY = (UploadState.READY, UploadState.LATER, UploadState.SENDING)
_DONE = (UploadState.PROCESSED, UploadState.LINKAGE_FAILURE)


def shown_state(now: datetime) -> Case:
    """Return the SQL of a delivery's shown state; its values are those of `Shown`."""
    return Case(*_own(now), *_of_upload(), default=_shown(Shown.NEEDS_ATTENTION))


def shown_reason() -> Coalesce:
    """Return the SQL of the reason's code: the rule that refused, or what ails the upload."""
    return Coalesce(
        NullIf(F("reason"), Value("")), F("upload__attention"), Value(""), output_field=CharField()
    )


def with_shown(deliveries: QuerySet[Delivery], now: datetime) -> QuerySet[ShownDelivery]:
    """Annotate `shown` and `why` (codes); both join the upload."""
    return deliveries.annotate(shown=shown_state(now), why=shown_reason())


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


def _of_upload() -> list[When]:
    return [
        When(upload__state__in=_ON_ITS_WAY, then=_shown(Shown.BATCHED)),
        When(upload__state=UploadState.UNCLEAR, then=_shown(Shown.UNCLEAR)),
        When(upload__state=UploadState.SENT, then=_shown(Shown.SENT)),
        When(
            upload__state=UploadState.CANCELLED,
            upload__attention=Attention.EXPIRED,
            then=_shown(Shown.EXPIRED),
        ),
        When(upload__state=UploadState.CANCELLED, then=_shown(Shown.SKIPPED)),
        When(
            upload__state__in=_DONE,
            upload__attention=Attention.ROW_REFUSED,
            then=_shown(Shown.ROW_REFUSED),
        ),
        When(upload__state=UploadState.PROCESSED, then=_shown(Shown.ACCEPTED)),
        # A file of static calls always ends so, and its calls are in the reports nevertheless:
        # https://yandex.com/dev/metrika/en/management/calls
        When(
            upload__state=UploadState.LINKAGE_FAILURE,
            upload__is_static=True,
            then=_shown(Shown.ACCEPTED),
        ),
        When(upload__state=UploadState.LINKAGE_FAILURE, then=_shown(Shown.UNMATCHED)),
    ]


def _shown(state: Shown) -> Value:
    return Value(state.value, output_field=CharField())
