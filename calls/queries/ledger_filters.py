"""The filters of the ledger of a cabinet, as conditions of calls and of their rows.

A call is listed when it passes the filters of calls, and one of its rows passes all filters of
rows together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.utils.translation import gettext_lazy

from calls.forecast.expression import with_value
from calls.models import Delivery
from calls.queries import late
from calls.queries.display_state import DisplayDelivery, with_display_state
from calls.queries.link_proofs import link_condition
from calls.states import DisplayState

#: Values of the filter by stage, and their words: rows that wait longer than
#: `calls.queries.late.LATE`, those of files that Metrika has, as `calls.queries.stats` counts, and
#: all others.
LATE, SENT, NOT_SENT = "late", "sent", "not_sent"
STAGES = {
    LATE: gettext_lazy("Ждут дольше часа"),
    SENT: gettext_lazy("Отправлены"),
    NOT_SENT: gettext_lazy("Не отправлены"),
}


class _HasTag(Func):
    """Whether the array holds the text, in any case."""

    output_field = BooleanField()
    arg_joiner = ") = ANY (lower(("
    template = "lower(%(expressions)s)::text)::text[])"


@dataclass(frozen=True)
class CallFilters:
    """The filters of the ledger; days are in the current time zone."""

    first_day: date | None = None
    last_day: date | None = None
    #: Only calls that have no row for any counter.
    without_counter: bool = False
    #: Calls found by the search; None without a search.
    call_ids: list[int] | None = None
    kind: str = ""
    source: int | None = None
    #: A whole tag, in any case.
    tag: str = ""
    counter: int | None = None
    #: A value of `Channel`.
    channel: int | None = None
    #: A value of `DisplayState`, or several with commas between them.
    state: str = ""
    #: The code of a reason, of the row or of its upload.
    reason: str = ""
    #: A value of `calls.queries.link_proofs.VALUES`.
    link: str = ""
    #: A value of `calls.forecast.causes.VALUES`.
    forecast: str = ""
    #: One of `STAGES`.
    stage: str = ""
    #: Only rows of this upload: whoever makes the filters knows that it is of the cabinet.
    upload: int | None = None

    @property
    def states(self) -> frozenset[str]:
        """The chosen states; empty when none is chosen."""
        return frozenset(self.state.split(",")) if self.state else frozenset()

    @property
    def is_any_state(self) -> bool:
        """Whether every state is chosen: any row passes, and a call without rows does not."""
        return self.states >= frozenset(DisplayState.values)

    @property
    def is_of_rows(self) -> bool:
        """Whether they ask for rows with some values."""
        of_rows = (self.counter, self.channel, self.state, self.reason, self.link, self.forecast)
        return any(of_rows) or bool(self.stage or self.upload)

    @property
    def is_of_calls(self) -> bool:
        """Whether they ask for more of calls than days and a search."""
        return bool(self.kind or self.source or self.tag)

    @property
    def needs_rows(self) -> bool:
        """Whether only the rows tell what passes, and not the counts by hour (`calls.summary`)."""
        asks_rows = (self.source, self.tag, self.link, self.forecast, self.stage, self.upload)
        return any(asks_rows) or self.call_ids is not None

    @property
    def is_read_by_rows(self) -> bool:
        """Whether the rows of one counter or of one upload are looked through, and not calls."""
        return bool(self.counter or self.upload)

    @property
    def order_column(self) -> str:
        """The time of a call that pages are ordered by.

        Rows of one counter or upload have the month's key of a call: its start as it was first
        received. The days are days of that key in either case.
        """
        return "partition_at" if self.is_read_by_rows else "started_at"


def of_calls(filters: CallFilters) -> Q:
    """Return the condition of calls; days and the search are left out."""
    found = Q()
    if filters.kind:
        found &= Q(kind=filters.kind)
    if filters.source:
        found &= Q(source_id=filters.source)
    if filters.tag:
        found &= Q(_HasTag(Value(filters.tag), F("tags")))
    return found


def passing(
    rows: QuerySet[Delivery], filters: CallFilters, now: datetime
) -> QuerySet[DisplayDelivery]:
    """Return those of the rows that pass the filters of rows, with their display state."""
    found = with_display_state(rows, now)
    if filters.counter:
        found = found.filter(counter_id=filters.counter)
    if filters.upload:
        found = found.filter(upload_id=filters.upload)
    if filters.channel:
        found = found.filter(channel=filters.channel)
    if filters.states and not filters.is_any_state:
        found = found.filter(display_state__in=sorted(filters.states))
    if filters.reason:
        found = found.filter(why=filters.reason)
    if filters.link:
        found = found.filter(link_condition(filters.link, now=now))
    if filters.forecast:
        found = with_value(found, filters.forecast, now=now)
    if filters.stage == SENT:
        found = found.filter(upload__uploading_id__isnull=False, upload__sent_at__isnull=False)
    if filters.stage == NOT_SENT:
        found = found.filter(upload__uploading_id__isnull=True)
    if filters.stage == LATE:
        found = found.filter(
            display_state__in=late.late_states(),
            partition_at__gte=late.bounds(now)[0],
            partition_at__lt=late.bounds(now)[1],
        )
    return found
