"""Many calls in little time: one call that the product stored, multiplied in the database.

Columns are read from the catalogue, so that a new column needs no change here. What the product
derives from rows is made by its own command afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


def multiply(owner: world.World, prefix: str, copies: Copies) -> int:
    """Store one call of the cabinet, and ``count`` copies of it; return the id of the first."""
    record = world.records(1, prefix=prefix, incoming_only=True)[0]
    record |= {"yaClid": "1718031415926530000", "callType": "Динамический коллтрекинг"}
    record |= {"ctCampaignId": "1000", "status": "success", "statusFirst": 200, "statusSecond": 200}
    body = world.bodies([record])[0]
    first = int(owner.post(body)["results"][0]["call_id"])
    moved = {
        column: f"t.{column} - {_EARLIER}"
        for column in ("partition_at", "started_at", "expires_at")
    }
    external = {"external_id": f"'{prefix}-' || g"}
    _insert("calls_callkey", "id", first, copies.count, {"id": "t.id + g"} | external | moved)
    phone = {"phone": "'+7900' || lpad((g % 10000000)::text, 7, '0')"}
    calls = {"id": "t.id + g"} | external | phone | moved | dict(copies.calls)
    _insert("calls_call", "id", first, copies.count, calls)
    deliveries = {"call_id": "t.call_id + g"} | moved | dict(copies.deliveries)
    _insert("calls_delivery", "call_id", first, copies.count, deliveries, without="id")
    world.execute(
        "SELECT setval(pg_get_serial_sequence('calls_callkey', 'id'), max(id)) FROM calls_callkey"
    )
    world.vacuum()
    return first


def _insert(
    table: str, key: str, first: int, count: int, changed: Mapping[str, str], *, without: str = ""
) -> None:
    columns = [column for column in columns_of(table) if column != without]
    values = [changed.get(column, f"t.{column}") for column in columns]
    world.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
        f" FROM {table} t CROSS JOIN generate_series(1, {int(count)}) g WHERE t.{key} = {first}"
    )
