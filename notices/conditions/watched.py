"""The conditions that are checked, with the kinds that each can find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cabinets.models import Cabinet
from notices.conditions import accounts, calls, counters, flow, sources
from notices.conditions.found import Found
from notices.kinds import OF_FLOW, Kind


@dataclass(frozen=True)
class Condition:
    """A search over all cabinets, in a constant number of queries."""

    search: Callable[[datetime], Iterator[Found]]
    #: A check that does not find a notice of these kinds any more ends it.
    kinds: tuple[Kind, ...]


#: Small tables: checked every minute.
OFTEN = (
    Condition(accounts.reconnects, (Kind.RECONNECT, Kind.RECONNECT_SOON)),
    Condition(accounts.quotas, (Kind.QUOTA,)),
    Condition(counters.counter_causes, (Kind.RIGHT_LOST, Kind.COUNTER_STOPPED, Kind.GOAL_GONE)),
    Condition(sources.emptied_fields, (Kind.EMPTY_FIELD,)),
    Condition(sources.failed_pulls, (Kind.PULL_FAILED,)),
    Condition(calls.foreign_rows, (Kind.FOREIGN_ROWS,)),
    Condition(calls.report_differences, (Kind.REPORT_DIFFERENCE,)),
)
#: Uploads and deliveries: checked every ten minutes.
SELDOM = (
    Condition(calls.stuck_uploads, (Kind.STUCK,)),
    Condition(calls.delayed_uploads, (Kind.DELAYED,)),
    Condition(calls.expiring_calls, (Kind.EXPIRING_WEEK, Kind.EXPIRING_DAYS, Kind.EXPIRED)),
)
#: Hours compared with what is usual: checked every ten minutes as well, in a run of its own.
FLOW = (Condition(flow.unusual_flow, OF_FLOW),)


def found_in(cabinet: Cabinet, now: datetime) -> Iterator[Found]:
    """Yield the conditions of a cabinet that are checked seldom, as they stand now."""
    for search in (calls.stuck_uploads, calls.delayed_uploads, calls.expiring_calls):
        yield from search(now, cabinet)
