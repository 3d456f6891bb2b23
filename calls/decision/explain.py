"""Explains a call to a person: how each rule judges it by today's data and settings.

The SQL is that of `calls.decision.decide`, so what is shown is what would be decided now.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils.functional import lazy
from django.utils.translation import gettext as _

from calls.decision.looked_at import LOOKED_AT, looked_at_sql
from calls.decision.reason import Rule, Words
from calls.decision.routing import IS_ORDERED, ORDERS, SOURCES
from calls.decision.rules import RULES
from calls.decision.rules.linking import IDENTIFIER, IS_STATIC

_NOTHING_COMPARED = "jsonb_build_array()"
_WAIVED = "jsonb_build_object('waived', true)"


@dataclass(frozen=True)
class Verdict:
    """How one rule judged one call for one counter and channel."""

    code: str
    #: The sentence with today's values if the rule refuses, else its requirement.
    #: What passed is translated only when it is shown: a call of 70 counters has 4,000 verdicts.
    text: Words
    #: Not refused: the call meets the requirement, the rule does not apply to it, or is waived.
    passed: bool
    applies: bool = True
    #: The values that a rule that passed has looked at; '' where the requirement says it all.
    looked_at: Words = ""


def explain_call(
    call_id: int, *, is_whole: bool = True, counter_ids: Collection[int] | None = None
) -> dict[tuple[int, int], list[Verdict]]:
    """Return the verdicts of all rules by (counter id, channel), for its cabinet's counters.

    Only for the counters in ``counter_ids``, if they are given.

    Personal data in their sentences are masked unless ``is_whole``.
    """
    columns = ", ".join([*map(_judgement, RULES), *map(looked_at_sql, RULES)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT k.id, ch.channel, {columns} {SOURCES}{ORDERS} WHERE c.id = %(call)s"
            " AND (%(counters)s::bigint[] IS NULL OR k.id = ANY (%(counters)s::bigint[]))"
            " ORDER BY k.id, ch.channel",
            {"call": call_id, "counters": None if counter_ids is None else [*counter_ids]},
        )
        rows = cursor.fetchall()
    return {(row[0], row[1]): _verdicts(row[2:], is_whole=is_whole) for row in rows}


def stream_of(call_id: int, counter_id: int) -> tuple[int | None, bool]:
    """Return by today's values the identifier (`IdKind`) of the call, and whether it is unlinked.

    Unlinked (StaticCall=1) is a static call, and call tracking without a usable identifier.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {IDENTIFIER}, {IS_STATIC} {SOURCES} WHERE c.id = %s AND k.id = %s LIMIT 1",
            [call_id, counter_id],
        )
        id_kind, is_static = cursor.fetchone()
        return id_kind, is_static


def _judgement(rule: Rule) -> str:
    """Return SQL: null if the rule passes the call, else what it compared (jsonb array).

    An empty object if the rule does not apply to the call, one that is not empty if an order waives
    it.
    """
    compared = rule.compared or _NOTHING_COMPARED
    waived = f" WHEN {rule.refuses} AND {IS_ORDERED} THEN {_WAIVED}" if rule.is_waivable else ""
    return (
        f"CASE WHEN NOT coalesce(({rule.applies}), true) THEN jsonb_build_object(){waived}"
        f" WHEN {rule.refuses} THEN {compared} END"
    )


def _words(code: str, seen: str, is_whole: bool) -> str:
    return LOOKED_AT[code].words(json.loads(seen), is_whole=is_whole)


_looked_at = lazy(_words, str)


def _verdicts(found: Sequence[str | None], *, is_whole: bool) -> list[Verdict]:
    judged = zip(RULES, found[: len(RULES)], found[len(RULES) :], strict=True)
    return [_verdict(*one, is_whole=is_whole) for one in judged]


def _verdict(rule: Rule, compared: str | None, seen: str | None, *, is_whole: bool) -> Verdict:
    if compared is None:
        looked_at: Words = _looked_at(rule.code, seen, is_whole) if seen else ""
        return Verdict(rule.code, rule.requirement, passed=True, looked_at=looked_at)
    values = json.loads(compared)
    if values == {"waived": True}:
        text = _("Отправку заказал человек, поэтому не проверяется: «%(rule)s».")
        return Verdict(rule.code, text % {"rule": rule.requirement}, passed=True)
    if isinstance(values, dict):
        return Verdict(rule.code, rule.requirement, passed=True, applies=False)
    text = str(rule.today) or rule.text(values if is_whole else rule.masked(values))
    return Verdict(rule.code, text, passed=False)
