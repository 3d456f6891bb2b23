"""The value of a call by the value rules of a counter: the first rule that matches decides.

One definition for the rows of files and for the preview of settings. The rules are data of a
statement that is built for them (`counters.settings.value_rules` says what they consist of).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

ValueRule = Mapping[str, Any]

_KINDS = {
    "callback": "c.kind = 'callback'",
    "incoming": "c.kind <> 'callback'",
    "dynamic": "c.kind = 'dynamic'",
    "static": "c.kind = 'static'",
}
#: Key of a rule → its condition on call c; {0} is the parameter with the value.
_CONDITIONS = {
    "min_seconds": "c.duration_seconds >= {0}::int",
    "max_seconds": "c.duration_seconds <= {0}::int",
    # Most calls have no tags; looking into them is what costs.
    "tag": "(c.tags <> '{{}}' AND EXISTS (SELECT 1 FROM unnest(c.tags) AS had(tag)"
    " WHERE lower(had.tag) = lower({0})))",
    "campaign": "lower({0}) IN (lower(c.campaign_id), lower(c.campaign_name))",
    "site": "(c.site_host = {0} OR right(c.site_host, length({0}) + 1) = '.' || {0})",
}
_FLAGS = {"is_first": "c.is_unique", "is_target": "c.is_target"}


def first_match(
    rules: Sequence[ValueRule], result: Callable[[int], str], prefix: str, *, otherwise: str
) -> str:
    """Return SQL: ``result`` of the place of the first rule that call c meets, else ``otherwise``.

    Its parameters are those of `parameters` with the same prefix.
    """
    if not rules:
        return otherwise
    cases = (
        f"WHEN {' AND '.join(_conditions(f'{prefix}{place}', rule))} THEN {result(place)}"
        for place, rule in enumerate(rules)
    )
    return f"CASE {' '.join(cases)} ELSE {otherwise} END"


def parameters(rules: Sequence[ValueRule], prefix: str) -> dict[str, Any]:
    """Return the parameters of `first_match`, with the price and the currency of each rule.

    Their names are the prefix, the place of the rule, «_» and the key of the value.
    """
    return {
        f"{prefix}{place}_{key}": value
        for place, rule in enumerate(rules)
        for key, value in rule.items()
    }


def _conditions(name: str, rule: ValueRule) -> Iterator[str]:
    yield "true"
    if "kind" in rule:
        yield _KINDS[rule["kind"]]
    for key, flag in _FLAGS.items():
        if key in rule:
            yield flag if rule[key] else f"NOT {flag}"
    for key, condition in _CONDITIONS.items():
        if key in rule:
            yield condition.format(f"%({name}_{key})s")
