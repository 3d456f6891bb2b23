"""The state of a delivery as people see it, in SQL: its own, or that of its upload.

The only definition: lists, filters, totals, a call's timelines and the admin annotate with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import Case, CharField, F, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from calls.models import Call, Delivery, Upload
from calls.models.querysets import AWAITS_FILE, AWAITS_GOAL, AWAITS_PERSON, AWAITS_SETTINGS
from calls.states import (
    BY_ORDER_ONLY,
    CALL_NOT_FINISHED,
    PROCESSED_UPLOADS,
    TO_SEND,
    Attention,
    DeliveryState,
    DisplayState,
    UploadState,
)


class DisplayColumns(TypedDict):
    """What `with_display_state` adds to a row."""

    display_state: str
    why: str


if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    DisplayDelivery = WithAnnotations[Delivery, DisplayColumns]
else:
    DisplayDelivery = Delivery

#: The upload exists, and Metrika does not have it.
_NOT_SENT_YET = (*TO_SEND, UploadState.SENDING, UploadState.SPLITTING)
#: Of a processed file two zeros contradict each other, so they are counts that were not made.
_TOLD_AS_ZERO = {"linked_quantity": 0, "user_not_found_quantity__gt": 0}


def display_state_case(now: datetime) -> Case:
    """Return SQL of a delivery's display state: a value of `DisplayState`."""
    return Case(
        *_cases_of_delivery(now),
        *_cases_of_upload("upload__"),
        default=_value(DisplayState.NEEDS_ATTENTION),
    )


def display_state_of_upload(upload_id: int) -> DisplayState:
    """Return the display state of an upload's calls, by the same SQL."""
    ((state, _is_sent),) = states_of_uploads([upload_id]).values()
    return DisplayState(state)


def own_state_case(now: datetime) -> Case:
    """Return SQL of the state of the row itself, without its upload; '' when the upload decides."""
    return Case(*_cases_of_delivery(now), default=Value(""), output_field=CharField())


def uploads_in_state(state: str) -> QuerySet[Upload]:
    """Return the uploads whose calls are shown in this state, unless a row has one of its own."""
    found: QuerySet[Upload] = _with_state().filter(display_state=state)
    return found


def states_of_uploads(ids: Collection[int]) -> dict[int, tuple[str, bool]]:
    """Return the display state of the calls of these uploads, and whether Metrika has them."""
    rows = _with_state().filter(pk__in=ids).order_by()
    return {
        pk: (state, uploading is not None)
        for pk, state, uploading in rows.values_list("pk", "display_state", "uploading_id")
    }


def _with_state() -> Any:
    default = _value(DisplayState.NEEDS_ATTENTION)
    return Upload.objects.annotate(display_state=Case(*_cases_of_upload(), default=default))


def display_reason() -> Coalesce:
    """Return SQL of the reason's code: `Delivery.reason`, else `Upload.attention`, else ''."""
    return Coalesce(
        NullIf(F("reason"), Value("")), F("upload__attention"), Value(""), output_field=CharField()
    )


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


def _cases_of_delivery(now: datetime) -> list[When]:
    return [
        # It is not batched any more, even before the beat task has marked it expired.
        When(state=DeliveryState.WAITING, expires_at__lte=now, then=_value(DisplayState.EXPIRED)),
        When(state=DeliveryState.WAITING, not_before__gt=now, then=_value(DisplayState.HELD)),
        When(state=DeliveryState.WAITING, then=_value(DisplayState.WAITING)),
        *_cases_of_awaiting_settings(now),
        *_cases_of_decision(now),
        # It can never go any more, also by a person's order.
        When(
            state=DeliveryState.SKIPPED,
            reason__in=BY_ORDER_ONLY,
            expires_at__lte=now,
            then=_value(DisplayState.EXPIRED),
        ),
        *_cases_of_lost_goal(now),
        When(
            state=DeliveryState.SKIPPED,
            reason=CALL_NOT_FINISHED,
            then=_value(DisplayState.NOT_FINISHED),
        ),
        When(state=DeliveryState.SKIPPED, then=_value(DisplayState.SKIPPED)),
        When(state=DeliveryState.EXPIRED, then=_value(DisplayState.EXPIRED)),
        When(state=DeliveryState.ROW_REFUSED, then=_value(DisplayState.ROW_REFUSED)),
    ]


def _cases_of_awaiting_settings(now: datetime) -> list[When]:
    return [
        When(AWAITS_SETTINGS, expires_at__lte=now, then=_value(DisplayState.EXPIRED)),
        When(AWAITS_SETTINGS, then=_value(DisplayState.AWAITS_SETTINGS)),
    ]


def _cases_of_decision(now: datetime) -> list[When]:
    """Return the cases of a call that waits for a person, or for a corrected record."""
    awaits = AWAITS_PERSON | AWAITS_FILE
    return [
        When(awaits, expires_at__lte=now, then=_value(DisplayState.EXPIRED)),
        When(awaits, then=_value(DisplayState.NEEDS_DECISION)),
    ]


def _cases_of_lost_goal(now: datetime) -> list[When]:
    """Return the cases of a conversion that waits for another goal to be chosen."""
    return [
        When(AWAITS_GOAL, expires_at__lte=now, then=_value(DisplayState.EXPIRED)),
        When(AWAITS_GOAL, then=_value(DisplayState.AWAITS_GOAL)),
    ]


def _cases_of_upload(prefix: str = "") -> list[When]:
    """Return the cases by an upload's state; ``prefix`` is the join from a delivery to it."""

    def when(display_state: DisplayState, /, **conditions: Any) -> When:
        named = {f"{prefix}{name}": value for name, value in conditions.items()}
        return When(**named, then=_value(display_state))

    return [
        when(DisplayState.BATCHED, state__in=_NOT_SENT_YET),
        when(DisplayState.UNCLEAR, state=UploadState.UNCLEAR),
        when(DisplayState.SENT, state=UploadState.SENT),
        when(DisplayState.EXPIRED, state=UploadState.CANCELLED, attention=Attention.EXPIRED),
        when(DisplayState.SKIPPED, state=UploadState.CANCELLED),
        # Which rows were refused is not told: any of them may be accepted.
        when(
            DisplayState.PARTLY_ACCEPTED,
            state__in=PROCESSED_UPLOADS,
            attention=Attention.ROW_REFUSED,
        ),
        # A file of static calls always ends as a linkage failure, and its calls are in the reports:
        # https://yandex.com/dev/metrika/en/management/calls
        when(DisplayState.ACCEPTED_STATIC, state__in=PROCESSED_UPLOADS, is_static=True),
        *_cases_by_linked_rows(prefix, when),
    ]


def _cases_by_linked_rows(prefix: str, when: Callable[..., When]) -> list[When]:
    """Return the cases of a processed file of dynamic calls; `Upload.linked_rows` in SQL.

    Metrika tells how many rows it linked, and never which.
    """
    processed = UploadState.PROCESSED
    return [
        # Of more rows than were sent it is not known which ones are linked.
        when(
            DisplayState.LINK_UNKNOWN,
            state__in=PROCESSED_UPLOADS,
            attention=Attention.QUANTITY,
            linked_quantity__gt=0,
        ),
        when(
            DisplayState.ACCEPTED,
            state__in=PROCESSED_UPLOADS,
            linked_quantity__gte=F(f"{prefix}rows"),
        ),
        when(DisplayState.PARTLY_LINKED, state__in=PROCESSED_UPLOADS, linked_quantity__gt=0),
        when(DisplayState.UNMATCHED, state=UploadState.LINKAGE_FAILURE),
        when(DisplayState.UNMATCHED, state=processed, **_TOLD_AS_ZERO),
        when(DisplayState.LINK_UNKNOWN, state=processed),
    ]


def _value(state: DisplayState) -> Value:
    return Value(state.value, output_field=CharField())
