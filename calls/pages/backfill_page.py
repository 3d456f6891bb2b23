"""What the page of a backfill shows: a line for each counter with the reasons, the progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.access import CabinetRequest
from cabinets.models import Cabinet
from cabinets.quotes import quoted
from calls.decision.reasons import REASONS
from calls.decision.routing import ROUTING_RULES
from calls.delivery.send_orders import SendCounts
from calls.models import Backfill, BackfillCounter, BackfillState
from counters.models import Counter

State = BackfillState
SHOWN = 10
#: Counters that a sentence before the start names; the others are counted.
NAMED_COUNTERS = 3
TONES = {
    State.COUNTED: "info",
    State.DONE: "success",
    State.STOPPED: "warning",
    State.DROPPED: "neutral",
}
#: Reasons for which a call does not concern the counter at all.
_ELSEWHERE = frozenset(rule.code for rule in ROUTING_RULES)
_LATE: str | Promise = gettext_lazy("Со звонка прошёл 21 день")


@dataclass(frozen=True)
class ReasonLine:
    """So many calls do not go for this reason."""

    title: str
    calls: int


@dataclass(frozen=True)
class CounterLine:
    """One counter of the backfill."""

    counter: Counter
    counts: SendCounts
    is_over: bool

    @property
    def elsewhere(self) -> int:
        """Calls that do not concern the counter: of another site, another campaign, …."""
        return sum(calls for code, calls in self.counts.refused.items() if code in _ELSEWHERE)

    @property
    def refused(self) -> int:
        """Calls that concern the counter and do not go."""
        return self.counts.not_sent - self.elsewhere + self.counts.late

    @property
    def reasons(self) -> list[ReasonLine]:
        """Why these do not go, the most frequent reason first."""
        found = {
            str(REASONS[code].title): calls
            for code, calls in self.counts.refused.items()
            if code not in _ELSEWHERE and code in REASONS
        }
        if self.counts.late:
            found[str(_LATE)] = self.counts.late
        ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
        return [ReasonLine(title, calls) for title, calls in ordered]


@dataclass(frozen=True)
class Several:
    """Counters of which a sentence says the same; of many it names the first ones."""

    counters: list[Counter]
    names: str
    rest: int

    @classmethod
    def of(cls, counters: Iterable[Counter]) -> Several:
        """Return the counters with the words for them."""
        found = list(counters)
        named = ", ".join(quoted(one.name) for one in found[:NAMED_COUNTERS])
        return cls(found, named, max(len(found) - NAMED_COUNTERS, 0))


def context_of(request: CabinetRequest, one: Backfill) -> dict[str, Any]:
    """Return the context of the page, as this person may see it."""
    can_manage = request.membership.can_manage
    parts = list(one.counters.select_related("counter").order_by("counter__name", "pk"))
    is_begun = one.started_at is not None
    lines = [_line(part, is_begun=is_begun) for part in parts]
    # What goes is what the page is about.
    lines.sort(key=lambda line: -line.counts.sent)
    going = [part for part in parts if SendCounts.of(part.expected).sent]
    return {
        "backfill": one,
        "state_text": State(one.state).label,
        "tone": TONES.get(State(one.state), "progress"),
        "is_begun": is_begun,
        "lines": lines,
        "total": sum((line.counts for line in lines), SendCounts()),
        "expected": sum((SendCounts.of(part.expected) for part in parts), SendCounts()),
        "earlier": Several.of(part.counter for part in going if _accepts_later(part, one)),
        "off": Several.of(part.counter for part in going if not part.counter.enabled),
        "progress": _progress(one, lines) if one.is_worked else None,
        "can_start": can_manage and one.state == State.COUNTED,
        "can_stop": can_manage and one.is_open,
        "can_manage": can_manage,
        "stop_label": _("Остановить") if is_begun else _("Не отправлять"),
    }


def recent_of(cabinet: Cabinet) -> list[dict[str, Any]]:
    """Return the last backfills of the cabinet, newest first."""
    found = (
        Backfill.objects.filter(cabinet=cabinet)
        .select_related("requested_by")
        .order_by("-pk")[:SHOWN]
    )
    return [
        {
            "backfill": one,
            "state_text": State(one.state).label,
            "tone": TONES.get(State(one.state), "progress"),
        }
        for one in found
    ]


def _line(part: BackfillCounter, *, is_begun: bool) -> CounterLine:
    counts = SendCounts.of(part.result if is_begun else part.expected)
    return CounterLine(part.counter, counts, part.is_over)


def _accepts_later(part: BackfillCounter, one: Backfill) -> bool:
    """Whether the counter accepts calls from a later time than that of the first ones."""
    bound = part.counter.accepts_from
    return one.is_open and bound is not None and bound > one.since


def _progress(one: Backfill, lines: list[CounterLine]) -> dict[str, int]:
    """Return how many calls were judged of all that are, a call once for each counter."""
    total = (one.calls or 0) * len(lines)
    return {"done": min(sum(line.counts.total for line in lines), total), "total": total}
