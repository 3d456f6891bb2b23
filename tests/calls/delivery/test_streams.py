"""What finding streams and attaching rows read: it does not grow with what waits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.decision.horizon import LINK_HORIZON
from calls.delivery import batching, csv_writer
from calls.delivery.streams import due_streams, filled_at, key_of
from calls.models import Call, Delivery
from calls.queries.backlog import due_work
from counters.models import Counter
from tests.calls.blocks import counted_blocks
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

FEW, MANY = 500, 8_000
#: A level more of an index, in a few partitions. Reading what waits takes hundreds.
DIFFERENCE = 60


def let_wait(cabinet: Cabinet, count: int) -> None:
    """Store so many calls that have waited for a day."""
    call = store_call(cabinet=cabinet)
    wait_since(call, timezone.now() - timedelta(days=1))
    copy_call(call, count - 1)


def test_due_streams_are_found_without_reading_what_waits(
    cabinet: Cabinet, counter: Counter
) -> None:
    let_wait(cabinet, FEW)

    def read() -> int:
        with counted_blocks() as blocks:
            streams = due_streams(timezone.now())
        assert [stream.counter_id for stream in streams] == [counter.pk]
        return blocks.total

    few = read()
    let_wait(cabinet, MANY)

    assert read() < few + DIFFERENCE


def test_backlog_is_told_without_reading_what_waits(
    cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    settings.UPLOAD_MAX_ROWS = 10
    let_wait(cabinet, FEW)

    def read() -> int:
        with counted_blocks() as blocks:
            assert [work.kind for work in due_work(timezone.now())] == ["build"]
        return blocks.total

    few = read()
    let_wait(cabinet, MANY)

    assert read() < few + DIFFERENCE


def test_rows_are_attached_without_reading_the_calls_that_stay(
    cabinet: Cabinet, counter: Counter
) -> None:
    let_wait(cabinet, FEW)
    few = blocks_to_attach(20, counter)
    let_wait(cabinet, MANY)

    assert blocks_to_attach(20, counter) < few + 4 * DIFFERENCE


def blocks_to_attach(count: int, counter: Counter) -> int:
    """Return how many blocks are touched to attach so many rows; undo it."""
    now = timezone.now()
    (stream,) = due_streams(now)
    values: dict[str, Any] = {
        "counter": counter.pk,
        "channel": stream.channel,
        "id_kind": stream.id_kind,
        "is_static": stream.is_static,
        "now": now,
        "today_expires": now + LINK_HORIZON - batching.DAY,
        "most": count,
        "upload": 1,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(csv_writer.JOIN_BY_KEY)
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {batching._ATTACH}", values)
        plan = cursor.fetchone()[0][0]["Plan"]
        assert Delivery.objects.filter(upload_id=1).count() == count
        transaction.set_rollback(True)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_stream_is_full_since_the_call_that_filled_it(
    cabinet: Cabinet, counter: Counter, settings: Settings
) -> None:
    now = timezone.now()
    due_at = [now - timedelta(hours=hours) for hours in (1, 5, 3, 2)]
    for moment in due_at:
        wait_since(store_call(cabinet=cabinet), moment)
    settings.UPLOAD_MAX_ROWS = 3
    streams = due_streams(now)

    assert filled_at(streams, now) == {key_of(streams[0]): due_at[3]}

    settings.UPLOAD_MAX_ROWS = 5
    assert filled_at(streams, now) == {}
    assert filled_at([], now) == {}


def wait_since(call: Call, moment: datetime) -> None:
    Delivery.objects.waiting().filter(call_id=call.pk).update(not_before=moment)
