"""Conditions of the flow of calls: far fewer than usual, or a share far from usual.

What is usual comes from `notices.models.Baseline`; `notices.baseline.judge` judges. A day on which
most counters of a cabinet are low, such as a holiday, is one condition of the cabinet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from cabinets.models import CallSource
from counters.models import Counter
from notices import pauses
from notices.baseline.judge import MAX_HOURS, Finding, Hour, judge_low, judge_share
from notices.baseline.profile import Profile
from notices.baseline.shares import ShareProfile
from notices.conditions.flow_facts import facts_of
from notices.conditions.found import Found
from notices.conditions.series import HOUR, Counts, Series, Window, hour_of, read, read_parts
from notices.conditions.usual import MARK, SHARES
from notices.kinds import OF_FLOW, Kind
from notices.models import Baseline, Notice

#: Calls that began later than this are not missed yet: they go on, or are on their way.
GRACE = timedelta(minutes=10)
#: So long before this hour calls are counted by ten minutes: a trouble begins at any minute.
PARTS_FOR = timedelta(hours=3)
#: A profile that was not renewed for so long says nothing.
STALE_AFTER = timedelta(days=4)
#: A source whose calls come later than this is not judged.
LONGEST_LAG = timedelta(hours=24)
#: So many counters, and this part of the judged ones, are low: it is the cabinet; and while its
#: notice is open, this part is enough.
CABINET_MIN, CABINET_PART, CABINET_STAYS = 3, 0.5, 0.3
CABINET_SUBJECT = "cabinet"


@dataclass(frozen=True)
class _Flow:
    """What was counted by hour, and in the last hours by ten minutes."""

    hours: Series
    parts: Series
    now: datetime
    #: Pauses of the alerts that last, are to come, or have ended of late, by cabinet.
    spans: dict[int, list[pauses.Span]] = field(default_factory=dict)

    def counts(self, kind: Kind, subject_id: int) -> tuple[Counts, Counts]:
        return self.hours.get((kind, subject_id), {}), self.parts.get((kind, subject_id), {})

    def paused(self, row: Baseline) -> list[pauses.Span]:
        """Return the pauses of this counter or source."""
        return pauses.covering(self.spans.get(row.cabinet_id, ()), row.kind, row.subject_id)

    def resumed(self, row: Baseline) -> datetime | None:
        """Return the first hour after the last pause that is over, None without one."""
        ends = [span.end for span in self.paused(row) if span.end <= self.now]
        return hour_of(max(ends) - timedelta(microseconds=1)) + HOUR if ends else None

    def window(self, row: Baseline, since: datetime | None) -> Window:
        """Return the hours in which the calls of the counter or source are known."""
        until = self.now
        if row.kind != Kind.LINKED_DOWN:
            until -= max(GRACE, timedelta(minutes=row.lag_minutes))
        return Window(until, row.cabinet.zone, hour_of(self.now) - PARTS_FOR, since)


@dataclass
class Told:
    """What is told already: open notices, and since when others are over."""

    open: set[tuple[int, str, str]] = field(default_factory=set)
    over: dict[tuple[int, str, str], datetime] = field(default_factory=dict)


def unusual_flow(now: datetime) -> Iterator[Found]:
    """Yield counters and sources whose last hours are far from usual; a whole cabinet once."""
    names = _names()
    told = _told(now)
    flow = _Flow(
        read(hour_of(now) - timedelta(hours=MAX_HOURS + 24), now, None),
        read_parts(hour_of(now) - PARTS_FOR, now),
        now,
        pauses.spans(now - timedelta(hours=MAX_HOURS + 24)),
    )
    fresh = Baseline.objects.filter(counted_at__gt=now - STALE_AFTER).exclude(kind=MARK)
    rows = fresh.select_related("cabinet").order_by("cabinet_id", "kind", "subject_id")
    for _cabinet, of_cabinet in groupby(rows.iterator(500), key=attrgetter("cabinet_id")):
        yield from _of_cabinet(list(of_cabinet), flow, names, told)


def _names() -> dict[tuple[bool, int], str]:
    """Return the names of the counters in use, and (True) of the sources in use."""
    counters = Counter.objects.present().filter(enabled=True).values_list("pk", "name")
    sources = CallSource.objects.filter(is_active=True).values_list("pk", "name")
    return {(False, pk): name for pk, name in counters} | {(True, pk): name for pk, name in sources}


def _told(now: datetime) -> Told:
    told = Told()
    recent = now - timedelta(hours=MAX_HOURS)
    of_flow = Notice.objects.filter(kind__in=OF_FLOW).order_by("opened_at")
    for one in of_flow.filter(closed_at=None).union(of_flow.filter(closed_at__gt=recent)):
        key = (one.cabinet_id, one.kind, one.subject)
        if one.closed_at is None and one.gone_since is None:
            told.open.add(key)
        else:
            told.over[key] = one.gone_since or one.closed_at or now
    return told


def _of_cabinet(
    rows: list[Baseline],
    flow: _Flow,
    names: dict[tuple[bool, int], str],
    told: Told,
) -> Iterator[Found]:
    found: list[Found] = []
    judged = 0
    for row in rows:
        name = names.get((row.kind == Kind.SOURCE_LOW, row.subject_id))
        if name is None or timedelta(minutes=row.lag_minutes) > LONGEST_LAG:
            continue
        if any(span.holds(flow.now) for span in flow.paused(row)):
            continue
        judged += row.kind == Kind.INFLOW_LOW
        one = _judged(row, flow, name, told)
        found += [one] if one else []
    yield from _merged(rows[0].cabinet_id, found, judged, told)


def _judged(row: Baseline, flow: _Flow, name: str, told: Told) -> Found | None:
    """Return the condition of one counter or source, if it stands."""
    kind = Kind(row.kind)
    of = "source" if kind is Kind.SOURCE_LOW else "counter"
    key = (row.cabinet_id, row.kind, f"{of}:{row.subject_id}")
    of_cabinet = (row.cabinet_id, MARK.value, CABINET_SUBJECT)
    is_open = key in told.open or (kind is Kind.INFLOW_LOW and of_cabinet in told.open)
    since = max((told.over[one] for one in (key, of_cabinet) if one in told.over), default=None)
    since = max((one for one in (since, flow.resumed(row)) if one), default=None)
    window = flow.window(row, hour_of(since) if since else None)
    counts, parts = flow.counts(kind, row.subject_id)
    finding = _finding(row, window.hours(counts, parts), is_open=is_open)
    if finding is None:
        return None
    facts = facts_of(row, finding, window, counts) | {of: row.subject_id, "name": name}
    return Found(row.cabinet_id, kind, key[2], facts)


def _finding(row: Baseline, hours: Iterator[Hour], *, is_open: bool) -> Finding | None:
    if row.kind in SHARES:
        return judge_share(hours, ShareProfile(tuple(row.values), row.day_scatter), is_open=is_open)
    profile = Profile(tuple(row.values), row.dispersion, row.day_scatter)
    return judge_low(hours, profile, is_open=is_open)


def _merged(cabinet_id: int, found: Iterable[Found], judged: int, told: Told) -> Iterator[Found]:
    """Yield the conditions; those of most counters at once as one of the cabinet.

    What was told before of one counter or source stays its own: it has not ended.
    """
    by_kind: dict[Kind, list[Found]] = defaultdict(list)
    for one in found:
        by_kind[one.kind].append(one)
    low = by_kind[Kind.INFLOW_LOW]
    is_open = (cabinet_id, MARK.value, CABINET_SUBJECT) in told.open
    part = CABINET_STAYS if is_open else CABINET_PART
    is_cabinet = len(low) >= CABINET_MIN and len(low) >= part * judged
    if is_cabinet:
        yield Found(cabinet_id, MARK, CABINET_SUBJECT, _cabinet_facts(low, judged))
    for kind, of_kind in by_kind.items():
        merges = is_cabinet and kind in (Kind.INFLOW_LOW, Kind.SOURCE_LOW)
        yield from (one for one in of_kind if not merges or one.key in told.open)


def _cabinet_facts(low: list[Found], judged: int) -> dict[str, Any]:
    return {
        "low": len(low),
        "judged": judged,
        "observed": sum(one.facts["observed"] for one in low),
        "usual": round(sum(one.facts["expected"] for one in low)),
        "since": min(one.facts["since"] for one in low),
    }
