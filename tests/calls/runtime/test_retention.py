"""Old months are dropped whole, with no other rows, and no call of them comes a second time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from cabinets.models import Cabinet
from calls import tasks
from calls.management.commands import drop_months
from calls.models import Call, CallKey, Delivery, LinkProof
from calls.runtime import partitions, retention
from calls.states import Channel, LinkResult
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery
from tests.calls.runtime.months import DECEMBER, YEAR, all_partitions

APRIL = datetime(YEAR + 1, 4, 10, 12, 0, tzinfo=UTC)
OLD = {f"{parent}_{YEAR}_12" for parent in partitions.PARENTS}


@pytest.fixture
def calls(cabinet: Cabinet, counter: Counter) -> list[Call]:
    """A call of December and one of January, each with a delivery, in months of their own."""
    with time_machine.travel(DECEMBER, tick=False):
        partitions.keep_up(now=DECEMBER)
    starts = (DECEMBER, datetime(YEAR + 1, 1, 2, tzinfo=UTC))
    made = [make_call(cabinet=cabinet, started_at=one) for one in starts]
    for number, call in enumerate(made, 1):
        make_delivery(call=call, counter=counter)
        LinkProof.objects.create(
            upload_id=number,
            row_number=1,
            call=call,
            partition_at=call.partition_at,
            cabinet=cabinet,
            counter=counter,
            channel=Channel.CALLS,
            result=LinkResult.NO_VISIT,
            proved_at=call.started_at,
        )
    return made


@pytest.fixture
def in_april() -> Iterator[None]:
    with time_machine.travel(APRIL, tick=False):
        yield


def test_months_before_the_kept_ones_are_dropped_with_calls_and_deliveries(
    calls: list[Call], in_april: None
) -> None:
    before = all_partitions()

    call_command("drop_months", "--keep", "3", "--dry-run")
    assert (all_partitions(), Call.objects.count()) == (before, 2)
    call_command("drop_months", "--keep", "3")

    assert before - all_partitions() >= OLD
    assert [one.pk for one in Call.objects.all()] == [calls[1].pk]
    assert [one.call_id for one in Delivery.objects.all()] == [calls[1].pk]
    assert [one.call_id for one in LinkProof.objects.all()] == [calls[1].pk]
    # The default partition and what is older than all months of the first start stay.
    assert {"calls_call_default", "calls_call_past"} <= all_partitions()
    assert retention.old_months(now=APRIL, keep=3) == []


@pytest.mark.parametrize(("keep", "dropped"), [(0, set()), (3, OLD), (4, set())])
def test_clock_drops_what_the_setting_does_not_keep(
    calls: list[Call], in_april: None, settings: Settings, keep: int, dropped: set[str]
) -> None:
    settings.KEEP_MONTHS = keep
    before = all_partitions()

    tasks.drop_old_months()

    assert (before - all_partitions()) & OLD == dropped
    assert Call.objects.count() == (1 if dropped else 2)


def test_keys_of_dropped_calls_stay(calls: list[Call], in_april: None) -> None:
    keys = set(CallKey.objects.values_list("pk", flat=True))

    call_command("drop_months", "--keep", "3")

    assert set(CallKey.objects.values_list("pk", flat=True)) == keys


def test_first_kept_month_is_counted_across_a_year(calls: list[Call]) -> None:
    months = retention.old_months(now=APRIL, keep=4)

    assert date(YEAR, 12, 1) not in months
    assert date(YEAR, 12, 1) in retention.old_months(now=APRIL, keep=3)


def test_fewer_months_than_metrika_may_ask_for_are_refused(
    calls: list[Call], in_april: None
) -> None:
    before = all_partitions()

    with pytest.raises(CommandError, match="at least 3 months are kept"):
        call_command("drop_months", "--keep", "2")

    assert (all_partitions(), Call.objects.count()) == (before, 2)


@pytest.mark.django_db(transaction=True)
def test_month_that_is_in_use_is_left_whole(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.KEEP_MONTHS = 3
    monkeypatch.setattr(drop_months, "ATTEMPTS", 1)
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "50ms")
    former = all_partitions()
    partitions.keep_up(now=DECEMBER)
    before = all_partitions()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE calls_delivery IN ACCESS SHARE MODE")
            with (
                time_machine.travel(APRIL, tick=False),
                pytest.raises(CommandError, match="is in use, nothing of it was dropped"),
            ):
                call_command("drop_months", "--keep", "3")
            with time_machine.travel(APRIL, tick=False):
                assert tasks.drop_old_months() == []
        assert all_partitions() == before
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {', '.join(before - former)}")
