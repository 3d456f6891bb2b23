"""Dropping the rows that former versions wrote for counters which calls do not concern."""

from __future__ import annotations

import io
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from calls.decision.routing import count_routed
from calls.decision.unrouted_rows import DROPPABLE, drop_unrouted_rows
from calls.models import Call, Delivery
from calls.runtime import shutdown
from calls.states import Channel, DeliveryState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import make_delivery, make_upload
from tests.calls.stored import store_call

SKIPPED = DeliveryState.SKIPPED
#: Rows of another site's call, that never waited for anything.
DROPPED = [{"state": SKIPPED, "reason": reason} for reason in DROPPABLE]
#: Rows of another site's call that have a history.
KEPT: list[dict[str, Any]] = [
    {},
    {"state": SKIPPED, "reason": "site", "waited": True},
    {"state": SKIPPED, "reason": "too_short", "waited": True},
    {"state": SKIPPED, "reason": "not_configured", "waited": True},
    {"state": SKIPPED, "reason": "goal_gone", "waited": True},
    {"state": SKIPPED, "reason": "maybe_sent", "waited": True},
    {"state": SKIPPED, "reason": "kept_as_sent"},
    {"state": SKIPPED, "reason": "identifier_unreadable"},
    {"state": SKIPPED, "reason": "called_off"},
    {"state": SKIPPED, "reason": "counter_removed"},
    {"state": SKIPPED, "reason": "not_last_attempt"},
    {"state": DeliveryState.EXPIRED},
]


@pytest.fixture
def own(account: YandexAccount) -> Counter:
    return factories.make_counter(account=account, site_mode="own", site_host="own.example")


def foreign_call(counter: Counter) -> Call:
    return store_call(cabinet=counter.cabinet, site_host="other.example")


def drop(**options: Any) -> int:
    return sum(part.dropped for part in drop_unrouted_rows(**options))


def test_row_that_routing_would_not_have_written_is_dropped(own: Counter) -> None:
    for fields in DROPPED:
        make_delivery(call=foreign_call(own), counter=own, **fields)

    assert drop() == len(DROPPED) == Delivery.objects.count() + len(DROPPED)
    assert {"site", "campaign", "calls_off", "goal_not_set", "too_short"} <= {*DROPPABLE}


@pytest.mark.parametrize("fields", KEPT)
def test_row_with_a_history_is_kept(own: Counter, fields: dict[str, Any]) -> None:
    make_delivery(call=foreign_call(own), counter=own, **fields)

    assert (drop(), Delivery.objects.count()) == (0, 1)


def test_row_that_was_in_a_file_is_kept(own: Counter) -> None:
    make_delivery(call=foreign_call(own), counter=own, upload=make_upload(counter=own))

    assert (drop(), Delivery.objects.count()) == (0, 1)


def test_call_that_concerns_the_counter_keeps_its_row_and_loses_that_of_an_unused_channel(
    own: Counter,
) -> None:
    Counter.objects.update(min_duration_seconds=300)
    call = store_call(cabinet=own.cabinet, site_host="own.example")
    for reason in ("goal_not_set", "too_short"):
        other = call if reason == "goal_not_set" else foreign_call(own)
        make_delivery(call=other, counter=own, channel=Channel.GOAL, state=SKIPPED, reason=reason)

    assert drop() == 2
    assert list(Delivery.objects.values_list("call_id", "channel", "reason")) == [
        (call.pk, Channel.CALLS, "too_short")
    ]
    _calls, pairs, rows = count_routed(
        own.cabinet_id, since=timezone.now() - timedelta(days=1), until=timezone.now()
    )
    assert (pairs, rows) == (1, 1)


def test_row_of_a_reason_of_routing_goes_also_when_the_settings_fit_by_now(own: Counter) -> None:
    make_delivery(call=foreign_call(own), counter=own, state=SKIPPED, reason="site")
    Counter.objects.update(site_mode="all")

    assert drop() == 1


def test_rows_of_a_removed_counter_are_dropped_as_well(own: Counter) -> None:
    for reason in ("site", "technical"):
        make_delivery(call=foreign_call(own), counter=own, state=SKIPPED, reason=reason)
    Counter.objects.update(removed_at=timezone.now())

    assert drop() == 2


def _many(own: Counter) -> list[int]:
    """Ten calls of two skipped rows each, and one kept row among them; return the kept call."""
    kept = foreign_call(own)
    make_delivery(call=kept, counter=own, state=SKIPPED, reason="site", waited=True)
    for _ in range(10):
        call = foreign_call(own)
        for channel in Channel:
            make_delivery(call=call, counter=own, channel=channel, state=SKIPPED, reason="site")
    return [kept.pk]


@pytest.mark.parametrize("batch", [1, 3, 4, 100])
@pytest.mark.parametrize("after", [0, 1, 2, 5])
def test_stopped_after_any_part_it_goes_on_where_it_was(
    own: Counter, batch: int, after: int
) -> None:
    kept = _many(own)

    parts = drop_unrouted_rows(batch=batch)
    first = sum(part.dropped for part in islice(parts, after))
    del parts  # as a process that is killed between two transactions

    assert Delivery.objects.count() == 21 - first
    assert first + drop(batch=batch) == 20
    assert list(Delivery.objects.values_list("call_id", flat=True)) == kept
    assert drop(batch=batch) == 0


def test_killed_in_the_middle_of_a_part_nothing_of_it_is_dropped(
    own: Counter,
) -> None:
    _many(own)
    statements: list[str] = []

    def die_after_delete(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if "DELETE FROM calls_delivery" in sql:
            statements.append(sql)
            if len(statements) == 2:
                raise KeyboardInterrupt
        return answer

    with connection.execute_wrapper(die_after_delete), pytest.raises(KeyboardInterrupt):
        drop(batch=4)

    dropped = 21 - Delivery.objects.count()
    assert 0 < dropped < 8
    assert dropped + drop(batch=4) == 20


def test_requested_shutdown_ends_it_between_two_transactions(
    own: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(own)
    monkeypatch.setattr(shutdown, "is_requested", lambda: True)

    assert (drop(), Delivery.objects.count()) == (0, 21)


def test_command_prints_what_it_dropped_and_counts_without_dropping(own: Counter) -> None:
    _many(own)
    make_delivery(call=foreign_call(own), counter=own, state=SKIPPED, reason="technical")

    def run(*words: str) -> list[str]:
        out = io.StringIO()
        call_command("drop_unrouted_rows", *words, stdout=out)
        return out.getvalue().splitlines()

    assert run("--dry-run", "--batch=3") == ["site: 20", "technical: 1", "21 rows would be dropped"]
    assert Delivery.objects.count() == 22
    assert run("--pause=0") == ["site: 20", "technical: 1", "21 rows dropped"]
    assert Delivery.objects.count() == 1
