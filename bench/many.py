"""Many calls in little time: one call that the product stored, multiplied in the database.

Columns are read from the catalogue, so that a new column needs no change here. What the product
derives from rows is made by its own command afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connection

from bench import world
from bench.floors.copies import columns_of

#: How far the copies begin before the call that is copied; all are younger than 19 days.
_EARLIER = "(g % 1600000) * interval '1 second'"


@dataclass(frozen=True)
class Copies:
    """How many calls, and expressions of columns of the deliveries that differ (``g`` is 1, …)."""

    count: int
    deliveries: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    #: How long before the copied call each begins.
    earlier: str = _EARLIER


def multiply(owner: world.World, prefix: str, copies: Copies) -> int:
    """Store one call of the cabinet, and ``count`` copies of it; return the id of the first."""
    record = world.records(1, prefix=prefix, incoming_only=True)[0]
    record |= {"yaClid": "1718031415926530000", "callType": "Динамический коллтрекинг"}
    record |= {"ctCampaignId": "1000", "status": "success", "statusFirst": 200, "statusSecond": 200}
    body = world.bodies([record])[0]
    first = int(owner.post(body)["results"][0]["call_id"])
    moved = {
        column: f"t.{column} - ({copies.earlier})"
        for column in ("partition_at", "started_at", "expires_at")
    }
    external = {"external_id": f"'{prefix}-' || g"}
    keys = {"id": "t.id + g"} | external | moved
    calls = keys | {"phone": "'+7900' || lpad((g % 10000000)::text, 7, '0')"} | dict(copies.calls)
    deliveries = {"call_id": "t.call_id + g"} | moved | dict(copies.deliveries)
    tables = [
        Rows("calls_callkey", "id", keys),
        Rows("calls_call", "id", calls),
        Rows("calls_delivery", "call_id", deliveries),
    ]
    _insert_all(tables, first, copies.count)
    world.execute(
        "SELECT setval(pg_get_serial_sequence('calls_callkey', 'id'), max(id)) FROM calls_callkey"
    )
    world.analyze()
    return first


@dataclass(frozen=True)
class Rows:
    """Copies of the rows of one call in a table: its column of the call, and what differs."""

    table: str
    key: str
    changed: Mapping[str, object]


def _insert_all(tables: Sequence[Rows], first: int, count: int) -> None:
    """Fill the tables side by side, each in a session of its own."""
    with ThreadPoolExecutor(len(tables)) as pool:
        for done in [pool.submit(_insert, one, first, count) for one in tables]:
            done.result()


def _insert(rows: Rows, first: int, count: int) -> None:
    columns = [
        one for one in columns_of(rows.table) if (rows.table, one) != ("calls_delivery", "id")
    ]
    values = [rows.changed.get(column, f"t.{column}") for column in columns]
    try:
        # Without the checks of foreign keys, row by row: a call and its rows are stored at once.
        world.execute("SET session_replication_role = replica")
        world.execute(
            f"INSERT INTO {rows.table} ({', '.join(columns)}) SELECT {', '.join(map(str, values))}"
            f" FROM {rows.table} t CROSS JOIN generate_series(1, {count}) g"
            f" WHERE t.{rows.key} = {first}"
        )
        world.execute(f"VACUUM (ANALYZE) {rows.table}")
    finally:
        connection.close()
