"""What a change of settings does to calls that wait, before it is saved: by the rules that decide.

The same rows as `calls.decision.redecide` decides when the settings are saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from calls.decision.draft import Judging, judged_calls, judging
from calls.decision.reasons import GIVEN_BY_A_PERSON
from calls.decision.redecide import STILL_WAITING
from calls.decision.rules import RULES
from calls.queries.settings_preview import rules_without_rows
from calls.states import COUNTER_OFF, GOAL_GONE, Channel, DeliveryState
from counters.models import Counter

#: Of more rows it is only said that they are more.
MOST_ROWS = 5_000

_PERSONS = ", ".join(f"'{code}'" for code in GIVEN_BY_A_PERSON)
#: A person's order waives the rules that it waives when the call is decided again.
_RULES = tuple(
    replace(rule, applies=f"({rule.applies}) AND NOT c.is_ordered") if rule.is_waivable else rule
    for rule in RULES
)
_WAITING = f"""SELECT c.*, d.channel AS row_channel, d.state AS row_state,
        EXISTS (SELECT 1 FROM calls_heldbackorder so
                WHERE so.call_id = d.call_id AND so.counter_id = d.counter_id) AS is_ordered
    FROM calls_delivery d JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
    WHERE d.counter_id = %(counter)s AND {STILL_WAITING.format(row="d")}
      AND coalesce(d.reason, '') NOT IN ({_PERSONS})
    LIMIT {MOST_ROWS + 1}"""


@dataclass(frozen=True)
class Effect:
    """Calls that wait: all now, those that go on waiting, and excluded ones that return.

    ``is_more``: there are more than are counted here; nothing else is known then.
    """

    waiting: int = 0
    staying: int = 0
    returning: int = 0
    is_more: bool = False

    @property
    def excluded(self) -> int:
        """How many cease to wait."""
        return self.waiting - self.staying


def effect_on_waiting(draft: Counter, *, now: datetime) -> Effect:
    """Return what saving ``draft`` does to the calls that wait for the counter.

    Of a counter that is switched off nothing changes until it is switched on.
    """
    rows = list(_rows(draft, now))
    if len(rows) > MOST_ROWS:
        return Effect(is_more=True)
    waiting = {call_id for call_id, waits, _goes in rows if waits}
    going = {call_id for call_id, _waits, goes in rows if goes} if draft.enabled else waiting
    return Effect(len(waiting), len(waiting & going), len(going - waiting))


def _rows(draft: Counter, now: datetime) -> Iterator[tuple[int, bool, bool]]:
    """Yield of each row the call, whether it waits, and whether it does with the draft."""
    how = judging(draft, draft, rules=_RULES, without=rules_without_rows(draft))
    values: dict[str, Any] = {"counter": draft.pk, "now": now}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('jit', 'off', true)")
        cursor.execute(
            f"SELECT c.id, c.row_state, c.row_channel, {', '.join(how.columns)}"
            f" FROM {judged_calls(_WAITING)} AS c {how.joins}",
            {**values, **how.values},
        )
        for call_id, state, channel, *places in cursor.fetchall():
            waits = state == DeliveryState.WAITING
            yield call_id, waits, _goes(how, places, draft, Channel(channel), waits=waits)


def _goes(
    how: Judging, places: Sequence[int | None], draft: Counter, channel: Channel, *, waits: bool
) -> bool:
    rule = how.refusing(places, draft, channel)
    return rule is None or (waits and rule.code in _not_ending(draft))


def _not_ending(draft: Counter) -> Sequence[str]:
    """Return the rules that do not end the waiting, as `calls.decision.decide` has them."""
    has_lost_goal = draft.goal is not None and draft.goal.deleted_at is not None
    return (COUNTER_OFF, GOAL_GONE) if has_lost_goal else (COUNTER_OFF,)
