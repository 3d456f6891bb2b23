"""When a counter is sendable: Q, SQL, instance and explanation agree; nothing else defines it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Upload
from calls.queries.blockers import blockers_of
from counters.models import Counter
from counters.sendable import AUTHORISED, REACHABLE, SENDABLE, Conditions, as_q, as_sql, hold
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_upload
from tests.paths import ROOT

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
PRODUCT = (
    "cabinets",
    "calls",
    "callkeeper_metrika",
    "counters",
    "dashboard",
    "notices",
    "doctor",
    "integrations",
)
#: The six facts, as Python and SQL spell them.
FACTS = (
    r"(\b|__)enabled\b",
    r"(\b|__)removed_at\b",
    r"(\b|__)configured_at\b",
    r"(\b|__)access\b",
    r"(\b|__)stopped_cause\b",
    r"\bUSABLE\b|\bis_usable\b|account__state\b|\ba\.state\b",
)
#: Functions and classes that name three or more of the facts, and why they may.
NOT_A_DEFINITION = {
    "counters/pages/status.py:stop_status_of": "names the first condition that does not hold",
    "counters/models.py:Counter": "has the columns",
    "counters/admin.py:CounterAdmin": "lists the columns",
    "counters/querysets.py:CounterQuerySet": "selects by one of the facts each",
    "counters/lifecycle.py:_restore": "writes the columns",
    "calls/queries/blocked_then.py:_BLOCKS": "tells of one fact each when it ended",
}
COMBINATIONS = list(
    product(
        (True, False),
        (None, NOON),
        (NOON, None),
        Counter.Access,
        ("", *Counter.StopCause),
        YandexAccount.State,
    )
)


@pytest.fixture
def counters(cabinet: Cabinet) -> dict[int, bool]:
    """A counter for every combination of the six facts: by id, whether it is sendable."""
    accounts = {
        state: factories.make_account(
            cabinet=cabinet,
            state=state,
            **{"access_token": "", "refresh_token": ""}
            if state == YandexAccount.State.DISCONNECTED
            else {},
        )
        for state in YandexAccount.State
    }
    expected = {}
    for enabled, removed_at, configured_at, access, stopped_cause, state in COMBINATIONS:
        counter = factories.make_counter(
            account=accounts[state],
            enabled=enabled,
            removed_at=removed_at,
            configured_at=configured_at,
            access=access,
            stopped_cause=stopped_cause,
        )
        expected[counter.pk] = (
            enabled
            and removed_at is None
            and configured_at is not None
            and access == "ok"
            and not stopped_cause
            and state in {"active", "refresh_failed"}
        )
    return expected


def ids_by_sql(conditions: Conditions) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.id FROM counters_counter k"
            " JOIN integrations_yandexaccount a ON a.id = k.account_id"
            f" WHERE {as_sql(conditions)}"
        )
        return {row[0] for row in cursor.fetchall()}


def test_only_two_of_all_combinations_are_sendable(counters: dict[int, bool]) -> None:
    assert (len(counters), sum(counters.values())) == (512, 2)


def test_queryset_sql_and_instance_agree_in_every_combination(counters: dict[int, bool]) -> None:
    expected = {pk for pk, is_sendable in counters.items() if is_sendable}
    every = Counter.objects.with_account()

    assert set(Counter.objects.sendable().values_list("pk", flat=True)) == expected
    assert ids_by_sql(SENDABLE) == expected
    assert {counter.pk for counter in every if counter.is_sendable} == expected


@pytest.mark.parametrize("conditions", [AUTHORISED, REACHABLE, SENDABLE], ids=len)
def test_the_renderings_of_each_set_of_conditions_agree(
    counters: dict[int, bool], conditions: Conditions
) -> None:
    by_q = set(Counter.objects.filter(as_q(conditions)).values_list("pk", flat=True))
    every = Counter.objects.with_account()

    assert ids_by_sql(conditions) == by_q
    assert {counter.pk for counter in every if hold(conditions, counter)} == by_q
    assert 0 < len(by_q) < len(counters)


def test_q_with_a_prefix_selects_what_belongs_to_sendable_counters(
    counters: dict[int, bool],
) -> None:
    for counter in Counter.objects.with_account():
        make_upload(counter=counter)
    of_sendable = Upload.objects.filter(as_q(SENDABLE, "counter__"))
    of_others = Upload.objects.filter(~as_q(SENDABLE, "counter__"))

    assert set(of_sendable.values_list("counter_id", flat=True)) == {
        pk for pk, is_sendable in counters.items() if is_sendable
    }
    assert set(of_others.values_list("counter_id", flat=True)) == {
        pk for pk, is_sendable in counters.items() if not is_sendable
    }


def test_blockers_explain_every_counter_that_is_not_sendable(counters: dict[int, bool]) -> None:
    # A counter without settings takes no calls, so nothing of it is blocked.
    configured = list(Counter.objects.with_account().exclude(configured_at=None))

    blockers = blockers_of(configured, now=timezone.now())

    assert {pk for pk, blocker in blockers.items() if not blocker} == {
        counter.pk for counter in configured if counter.is_sendable
    }


def test_the_condition_is_spelled_nowhere_else() -> None:
    definitions = {
        f"{path.relative_to(ROOT)}:{name}"
        for folder in (*PRODUCT, "devtools")
        for path in (ROOT / folder).rglob("*.py")
        if path.parent.name != "migrations" and path.name != "sendable.py"
        for name in parts_that_spell_the_condition(path)
    }

    assert definitions == set(NOT_A_DEFINITION)


def parts_that_spell_the_condition(path: Path) -> Iterator[str]:
    """Yield the names of functions, classes and constants that name three or more of the facts."""
    for part in ast.parse(path.read_text(encoding="utf-8")).body:
        code = ast.unparse(part)
        if sum(bool(re.search(fact, code)) for fact in FACTS) >= 3:
            yield getattr(part, "name", None) or ast.unparse(part).split(" ")[0]


def test_the_search_for_definitions_finds_python_and_sql(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(
        "SQL = 'k.enabled AND k.removed_at IS NULL AND k.configured_at IS NOT NULL'\n"
        "def may_send(counter):\n"
        "    return counter.enabled and not counter.removed_at and counter.account.is_usable\n"
        "def is_there(counter):\n"
        "    return counter.enabled and not counter.removed_at\n",
        encoding="utf-8",
    )

    assert list(parts_that_spell_the_condition(planted)) == ["SQL", "may_send"]
