"""A week of calls in little time: calls that the product stored, multiplied in the database."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from bench import world
from bench.floors.copies import columns_of
from devtools.demonstration.generator import CallGenerator

#: Calls that the API takes; the others are copies of them.
POSTED = 2000
#: Each copy begins so much later than the one before.
LATER = timedelta(seconds=97)


def store(owner: world.World, calls: int) -> None:
    """Store so many calls of the last seven days: of all kinds, with orders of several attempts."""
    copies, now = max(1, calls // POSTED), timezone.now()
    generator = CallGenerator(seed=calls, prefix="14")
    span = now - timedelta(days=6, hours=23), now - timedelta(minutes=30) - copies * LATER
    records = generator.between(*span, min(calls, POSTED))[:calls]
    for body in world.bodies(records):
        owner.post(body)
    _copy(owner, copies - 1)
    world.execute("VACUUM calls_call")
    world.analyze()


def _copy(owner: world.World, copies: int) -> None:
    """Store copies of all calls of the cabinet, in order of time, with orders of their own."""
    newest = int(world.scalar("SELECT max(id) FROM calls_call"))
    later = f"g * interval '{LATER.seconds} seconds'"
    changed = {
        "id": f"t.id + g * {newest}",
        "order_key": f"t.order_key + g * {newest}",
        "external_id": "t.external_id || '-' || g",
        "started_at": f"t.started_at + {later}",
        "partition_at": f"t.partition_at + {later}",
    }
    columns = columns_of("calls_call")
    values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    world.execute(
        f"INSERT INTO calls_call ({', '.join(columns)}) SELECT {values} FROM calls_call t"
        f" CROSS JOIN generate_series(1, {copies}) g WHERE t.cabinet_id = {owner.cabinet.pk}"
        f" ORDER BY t.started_at + {later}"
    )
