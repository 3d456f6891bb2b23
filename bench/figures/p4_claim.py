"""P4: attaching waiting rows to a new upload, out of ten times as many."""

from __future__ import annotations

from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from bench import many, world
from bench.figure import Contender, Figure
from bench.naive import models, work
from calls.delivery import batching
from calls.delivery.streams import due_streams


class Claim(Figure):
    """Rounds claim further rows of the same stream; the floor updates a table without indexes."""

    title = "P4 claim of a tenth of what waits"
    unit = "rows/s"
    goal_floor = 0.20

    def prepare(self) -> None:
        world.forget_calls()
        self.claims = 0
        many.multiply(world.make_world(1), "4", many.Copies(self.sizes.waiting - 1))
        models.make_tables()
        fill_naive(self.sizes.waiting)

    def reset(self, contender: Contender) -> None:
        self.claims += 1
        if contender == "floor":
            world.execute("DROP TABLE IF EXISTS bench_flat")
            world.execute(
                "CREATE TABLE bench_flat AS SELECT *, 0 AS place FROM calls_delivery"
                f" LIMIT {self.sizes.claimed}"
            )

    def product(self) -> int:
        now = timezone.now()
        with override_settings(UPLOAD_MAX_ROWS=self.sizes.claimed), transaction.atomic():
            attached = batching._attach(due_streams(now)[0], self.claims, now)
        return attached.rows

    def floor(self) -> int:
        return world.execute(f"UPDATE bench_flat SET upload_id = {self.claims}, place = 1")

    def naive(self) -> int:
        return work.claim(self.sizes.claimed, self.claims)

    def finish(self) -> None:
        models.drop_tables()
        world.execute("DROP TABLE IF EXISTS bench_flat")
        world.forget_calls()


def fill_naive(count: int) -> None:
    """Store this many calls of the naive peer, each with a waiting delivery."""
    call, delivery = models.NaiveCall._meta.db_table, models.NaiveDelivery._meta.db_table
    record = world.records(1, prefix="49", incoming_only=True)[0]
    models.NaiveCall.objects.bulk_create([work.call_of(record)])
    columns = [str(field.column) for field in models.NaiveCall._meta.concrete_fields]
    rest = [column for column in columns if column not in ("id", "external_id")]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {call} (external_id, {', '.join(rest)})"
            f" SELECT 'n' || g, {', '.join(rest)} FROM {call}, generate_series(2, {count}) g"
        )
        cursor.execute(
            f"INSERT INTO {delivery} (call_id, counter, state, reason, decided_at)"
            f" SELECT id, 1, 'waiting', '', now() FROM {call}"
        )
        cursor.execute(f"ANALYZE {call}, {delivery}")
