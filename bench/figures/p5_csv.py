"""P5: the CSV of an upload."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.db import transaction
from django.db.models import Max, Min

from bench import many, world
from bench.figure import Contender, Figure
from bench.figures.p4_claim import fill_naive
from bench.floors.copies import copy_out
from bench.naive import models, work
from calls.delivery.csv_writer import write_pieces
from calls.models import Delivery
from calls.states import Channel, DeliveryState, IdKind

#: Uploads that exist only as the number of their rows: one of all rows, one of a few.
WHOLE, SMALL = 1, 2
SMALL_ROWS = 10

_ROWS = f"""
SELECT c.client_id, extract(epoch FROM c.started_at)::bigint, 0, k.price, k.currency, c.phone,
       c.duration_seconds, c.hold_seconds, c.status, array_to_string(c.tags, ', '),
       c.is_unique, c.page_url, c.external_id
FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
JOIN counters_counter k ON k.id = d.counter_id
WHERE d.upload_id = {WHOLE} ORDER BY d.row_number"""


class Csv(Figure):
    """One file of all rows. The floor copies the same values unformatted."""

    title = "P5 CSV of one upload"
    unit = "rows/s"
    goal_floor = 0.80
    goal_naive = 5

    def prepare(self) -> None:
        world.forget_calls()
        small = f"CASE WHEN g <= {SMALL_ROWS} THEN {SMALL} ELSE {WHOLE} END"
        attached = {"state": str(int(DeliveryState.BATCHED)), "call_revision": "1"}
        number = f"CASE WHEN g <= {SMALL_ROWS} THEN g ELSE g - {SMALL_ROWS} END"
        attached |= {"upload_id": small, "row_number": number, "not_before": "NULL"}
        copies = many.Copies(self.sizes.csv_rows + SMALL_ROWS, deliveries=attached)
        many.multiply(world.make_world(1), "5", copies)
        models.make_tables()
        fill_naive(self.sizes.naive(self.sizes.csv_rows))
        self.folder = tempfile.TemporaryDirectory()

    def reset(self, contender: Contender) -> None:
        pass

    def product(self) -> int:
        build(str(WHOLE))
        return self.sizes.csv_rows

    def floor(self) -> int:
        copy_out(_ROWS, Path(self.folder.name) / "floor")
        return self.sizes.csv_rows

    def naive(self) -> int:
        deliveries = models.NaiveDelivery.objects.select_related("call").order_by("pk")
        with (Path(self.folder.name) / "naive").open("w", encoding="utf-8") as file:
            return work.csv_of(deliveries.iterator(), file)

    def finish(self) -> None:
        self.add_peak_memory(build, str(WHOLE), small=str(SMALL), at_most=48)
        models.drop_tables()
        self.folder.cleanup()
        world.forget_calls()


def build(upload: str) -> None:
    """Write the file of an upload as the product does."""
    attached = Delivery.objects.filter(upload_id=int(upload))
    ages = attached.aggregate(first=Min("partition_at"), last=Max("partition_at"))
    last = attached.latest("row_number")
    pieces = write_pieces(
        int(upload),
        last.row_number or 0,
        counter_id=last.counter_id,
        partitions=(ages["first"], ages["last"]),
        channel=Channel.CALLS,
        id_kind=IdKind.CLIENT_ID,
        is_static=False,
    )
    with transaction.atomic():
        for _piece in pieces:
            pass
