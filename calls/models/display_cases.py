"""The state of a delivery as people see it, as SQL: its own, or that of its upload.

The only definition: `calls.queries.display_state` annotates with it, `calls.summary` counts by it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, F, Value, When
from django.db.models.functions import Coalesce, NullIf

from calls.models.querysets import AWAITS_FILE, AWAITS_GOAL, AWAITS_PERSON, AWAITS_SETTINGS
from calls.states import (
    BY_ORDER_ONLY,
    CALL_NOT_FINISHED,
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    NOT_CONFIGURED,
    PROCESSED_UPLOADS,
    TO_SEND,
    Attention,
    DeliveryState,
    DisplayState,
    UploadState,
)

#: The upload exists, and Metrika does not have it.
_NOT_SENT_YET = (*TO_SEND, UploadState.SENDING, UploadState.SPLITTING)
#: Of a processed file two zeros contradict each other, so they are counts that were not made.
_TOLD_AS_ZERO = {"linked_quantity": 0, "user_not_found_quantity__gt": 0}
#: Reasons of skipped deliveries whose display state changes when they expire: see the cases below.
#: That of waiting deliveries changes at `not_before`, too.
EXPIRING_REASONS = (*BY_ORDER_ONLY, NOT_CONFIGURED, IDENTIFIER_UNREADABLE, GOAL_GONE, MAYBE_SENT)


def display_state_case(now: datetime) -> Case:
    """Return SQL of a delivery's display state: a value of `DisplayState`."""
    return Case(
        *cases_of_delivery(now),
        *cases_of_upload("upload__"),
        default=value_of(DisplayState.NEEDS_ATTENTION),
    )


def own_state_case(now: datetime) -> Case:
    """Return SQL of the state of the row itself, without its upload; '' when the upload decides."""
    return Case(*cases_of_delivery(now), default=Value(""), output_field=CharField())


def display_reason() -> Coalesce:
    """Return SQL of the reason's code: `Delivery.reason`, else `Upload.attention`, else ''."""
    return Coalesce(
        NullIf(F("reason"), Value("")), F("upload__attention"), Value(""), output_field=CharField()
    )


def cases_of_delivery(now: datetime) -> list[When]:
    """Return the cases of the states that the row itself decides, in their order."""
    return [
        # It is not batched any more, even before the beat task has marked it expired.
        When(state=DeliveryState.WAITING, expires_at__lte=now, then=value_of(DisplayState.EXPIRED)),
        When(state=DeliveryState.WAITING, not_before__gt=now, then=value_of(DisplayState.HELD)),
        When(state=DeliveryState.WAITING, then=value_of(DisplayState.WAITING)),
        *_cases_of_awaiting_settings(now),
        *_cases_of_decision(now),
        # It can never go any more, also by a person's order.
        When(
            state=DeliveryState.SKIPPED,
            reason__in=BY_ORDER_ONLY,
            expires_at__lte=now,
            then=value_of(DisplayState.EXPIRED),
        ),
        *_cases_of_lost_goal(now),
        When(
            state=DeliveryState.SKIPPED,
            reason=CALL_NOT_FINISHED,
            then=value_of(DisplayState.NOT_FINISHED),
        ),
        When(state=DeliveryState.SKIPPED, then=value_of(DisplayState.SKIPPED)),
        When(state=DeliveryState.EXPIRED, then=value_of(DisplayState.EXPIRED)),
        When(state=DeliveryState.ROW_REFUSED, then=value_of(DisplayState.ROW_REFUSED)),
    ]


def _cases_of_awaiting_settings(now: datetime) -> list[When]:
    return [
        When(AWAITS_SETTINGS, expires_at__lte=now, then=value_of(DisplayState.EXPIRED)),
        When(AWAITS_SETTINGS, then=value_of(DisplayState.AWAITS_SETTINGS)),
    ]


def _cases_of_decision(now: datetime) -> list[When]:
    """Return the cases of a call that waits for a person, or for a corrected record."""
    awaits = AWAITS_PERSON | AWAITS_FILE
    return [
        When(awaits, expires_at__lte=now, then=value_of(DisplayState.EXPIRED)),
        When(awaits, then=value_of(DisplayState.NEEDS_DECISION)),
    ]


def _cases_of_lost_goal(now: datetime) -> list[When]:
    """Return the cases of a conversion that waits for another goal to be chosen."""
    return [
        When(AWAITS_GOAL, expires_at__lte=now, then=value_of(DisplayState.EXPIRED)),
        When(AWAITS_GOAL, then=value_of(DisplayState.AWAITS_GOAL)),
    ]


def cases_of_upload(prefix: str = "") -> list[When]:
    """Return the cases by an upload's state; ``prefix`` is the join from a delivery to it."""

    def when(display_state: DisplayState, /, **conditions: Any) -> When:
        named = {f"{prefix}{name}": value for name, value in conditions.items()}
        return When(**named, then=value_of(display_state))

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


def value_of(state: DisplayState) -> Value:
    """Return the state as SQL."""
    return Value(state.value, output_field=CharField())
