"""What a call takes: bytes of each table and index, and WAL of its intake and decisions."""

from __future__ import annotations

from bench import world
from bench.figure import Contender, Fact, Figure
from bench.measure import wal_bytes

#: Tables that grow with calls, partitions under the name of their table.
TABLES = ("calls_callkey", "calls_call", "calls_delivery")

# Indexes of partitions are summed up under the index of the partitioned table.
_SIZES = """
SELECT coalesce(top.relname, part.relname), sum(pg_relation_size(part.oid))
FROM pg_class part
LEFT JOIN pg_inherits up ON up.inhrelid = part.oid
LEFT JOIN pg_class top ON top.oid = up.inhparent
LEFT JOIN pg_index key ON key.indexrelid = part.oid
JOIN pg_class heap ON heap.oid = coalesce(key.indrelid, part.oid)
LEFT JOIN pg_inherits heap_up ON heap_up.inhrelid = heap.oid
LEFT JOIN pg_class heap_top ON heap_top.oid = heap_up.inhparent
WHERE part.relkind IN ('r', 'i') AND coalesce(heap_top.relname, heap.relname) = ANY (%s)
GROUP BY 1 ORDER BY 1
"""


class Storage(Figure):
    """Bytes of one call with one counter, requests of 500; nothing is timed against a floor."""

    title = "P13 storage, 500 a request, 1 counter"
    contenders = ()

    def prepare(self) -> None:
        self.world = world.make_world(1)
        self.records = world.records(self.sizes.bulk_calls, prefix="13")
        self.bodies = world.bodies(self.records)
        world.forget_calls()

    def reset(self, contender: Contender) -> None:
        world.forget_calls()

    def product(self) -> int:
        for body in self.bodies:
            self.world.post(body)
        return len(self.records)

    def finish(self) -> None:
        self.reset("product")
        empty = sizes()
        wal = wal_bytes(self.product)
        full = sizes()
        calls = len(self.records)
        self.facts.append(Fact("WAL a call", wal / calls, "bytes"))
        self.facts += [
            Fact(f"{name}, a call", (size - empty.get(name, 0)) / calls, "bytes")
            for name, size in full.items()
            if size > empty.get(name, 0)
        ]
        world.forget_calls()


def sizes() -> dict[str, int]:
    """Return the bytes of each table of calls, without its indexes, and of each of its indexes."""
    return {name: int(size) for name, size in world.rows(_SIZES, [list(TABLES)])}
