"""Uploads and deliveries by state, so that no caller spells the state columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import OuterRef, Q, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.lookups import Exact

from calls.call_key import call_key_sql
from calls.states import (
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    NOT_CONFIGURED,
    ON_THE_WAY,
    OPEN_UPLOADS,
    TAKEN_UPLOADS,
    TO_SEND,
    DeliveryState,
    UploadState,
)

#: Deliveries of a counter whose settings have never been saved: `decide` writes them with this
#: reason, and the first save decides them again.
AWAITS_SETTINGS = Q(state=DeliveryState.SKIPPED, reason=NOT_CONFIGURED, waited=True)
#: Deliveries that wait for a person or for a corrected record of their call.
AWAITS_PERSON = Q(state=DeliveryState.SKIPPED, reason=IDENTIFIER_UNREADABLE)
#: Conversions that wait for another goal: the chosen one was deleted in Metrika before they came.
AWAITS_GOAL = Q(state=DeliveryState.SKIPPED, reason=GOAL_GONE, waited=True)
#: Deliveries that may be in a file of which the database does not know: they wait for a person.
AWAITS_FILE = Q(state=DeliveryState.SKIPPED, reason=MAYBE_SENT, waited=True)
#: The three as SQL of a single table.
AWAITS_PERSON_SQL = f"state = {DeliveryState.SKIPPED} AND reason = '{IDENTIFIER_UNREADABLE}'"
AWAITS_GOAL_SQL = f"state = {DeliveryState.SKIPPED} AND waited AND reason = '{GOAL_GONE}'"
AWAITS_FILE_SQL = f"state = {DeliveryState.SKIPPED} AND waited AND reason = '{MAYBE_SENT}'"
#: `AWAITS_SETTINGS` as SQL of a single table, and that of deliveries that wait to be sent.
WAITING_SQL = f"state = {DeliveryState.WAITING}"
AWAITS_SETTINGS_SQL = f"state = {DeliveryState.SKIPPED} AND waited AND reason = '{NOT_CONFIGURED}'"

#: Skipped deliveries that wait for something: each ends when its counter is removed.
UNDECIDED_SQL = (AWAITS_SETTINGS_SQL, AWAITS_PERSON_SQL, AWAITS_GOAL_SQL, AWAITS_FILE_SQL)

#: Uploads that Metrika has: also those that need attention all the same, as it has them twice or
#: told no outcome. The number is given with the file, and by nothing else.
WITH_METRIKA = Q(uploading_id__isnull=False)

Model = TypeVar("Model", bound=models.Model, covariant=True)


class CallKeyQuerySet(models.QuerySet[Model]):
    """The queries of `CallKey.objects`."""

    def with_key(self, key: str) -> Self:
        """The call of a key as it stands in files (`calls.call_key`); found by an index."""
        column = RawSQL(call_key_sql("calls_callkey"), [], output_field=TextField())
        return self.filter(Exact(column, Value(key)))


class UploadQuerySet(models.QuerySet[Model]):
    """The queries of `Upload.objects`."""

    def to_send(self) -> Self:
        """Uploads that wait for their next attempt, whether it is due or not."""
        return self.filter(state__in=TO_SEND)

    def due(self, now: datetime) -> Self:
        """Uploads whose next attempt may be made now, as far as they themselves are concerned."""
        return self.to_send().filter(not_before__lte=now)

    def ready(self) -> Self:
        """Uploads that have never been sent."""
        return self.filter(state=UploadState.READY)

    def later(self) -> Self:
        """Uploads that wait for another attempt."""
        return self.filter(state=UploadState.LATER)

    def sending(self) -> Self:
        """Uploads that a worker has claimed."""
        return self.filter(state=UploadState.SENDING)

    def unclear(self) -> Self:
        """Uploads of which it is not known whether Metrika has them."""
        return self.filter(state=UploadState.UNCLEAR)

    def splitting(self) -> Self:
        """Uploads that Metrika refused as a whole and that are being bisected."""
        return self.filter(state=UploadState.SPLITTING)

    def sent(self) -> Self:
        """Uploads that Metrika has and has not processed yet."""
        return self.filter(state=UploadState.SENT)

    def needs_attention(self) -> Self:
        """Uploads that no beat task takes further."""
        return self.filter(state=UploadState.NEEDS_ATTENTION)

    def on_the_way(self) -> Self:
        """Uploads whose whole file is to be sent, is being sent, or is unclear."""
        return self.filter(state__in=ON_THE_WAY)

    def open(self) -> Self:
        """Uploads for which a beat task still has something to do."""
        return self.filter(state__in=OPEN_UPLOADS)

    def taken(self) -> Self:
        """Uploads that Metrika has and that need no attention."""
        return self.filter(state__in=TAKEN_UPLOADS)

    def with_metrika(self) -> Self:
        """Uploads that Metrika has, also those that need attention."""
        return self.filter(WITH_METRIKA)

    def of_list(self, counter_id: int | OuterRef, channel: int | OuterRef) -> Self:
        """Uploads that one list of Metrika shows: those of a counter and a channel."""
        return self.filter(counter_id=counter_id, channel=channel)

    def not_looked_up_since(self, moment: datetime) -> Self:
        """Uploads whose last lookup was at ``moment`` or before, or that had none."""
        return self.filter(Q(looked_up_at=None) | Q(looked_up_at__lte=moment))

    def with_account(self) -> Self:
        """Load counter and account without its tokens: a damaged one would make the list fail."""
        return self.select_related("counter__account").defer(
            "counter__account__access_token", "counter__account__refresh_token"
        )


class DeliveryQuerySet(models.QuerySet[Model]):
    """The queries of `Delivery.objects`."""

    def waiting(self) -> Self:
        """Deliveries that are to be sent and are in no upload."""
        return self.filter(state=DeliveryState.WAITING)

    def awaiting_settings(self, now: datetime) -> Self:
        """Deliveries that the first save of their counter's settings decides, and not too late."""
        return self.filter(AWAITS_SETTINGS, expires_at__gt=now)

    def batched(self) -> Self:
        """Deliveries that are in an upload, whatever has become of it."""
        return self.filter(state=DeliveryState.BATCHED)

    def skipped(self) -> Self:
        """Deliveries that a rule or a person excluded."""
        return self.filter(state=DeliveryState.SKIPPED)

    def row(self, delivery: Any) -> Self:
        """The row of this delivery, found by its key in the database."""
        return self.filter(
            call_id=delivery.call_id,
            partition_at=delivery.partition_at,
            counter_id=delivery.counter_id,
            channel=delivery.channel,
        )
