"""Decided deliveries by state and reason, so that a rare one is found without the whole ledger.

The index of a large table is built beside the work of a live product: concurrently, partition by
partition. Stopped half-way it goes on with the next `migrate`.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

# calls.queries.candidates: the history by state or reason; calls.queries.stats: what waits for a
# person; calls.delivery.redecision: what a removed counter, or the first save, concerns
NAME = "delivery_decided"
PARENT = "calls_delivery"
COLUMNS = "(counter_id, state, reason, partition_at DESC, call_id DESC) WHERE state IN (2, 4, 6)"

_PARTITIONS = """
SELECT child.relname, EXISTS (
    SELECT 1 FROM pg_index own JOIN pg_inherits tie ON tie.inhrelid = own.indexrelid
    WHERE own.indrelid = child.oid AND tie.inhparent = to_regclass(%s))
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = to_regclass(%s) ORDER BY child.relname
"""


def build(_apps: Any, schema_editor: Any) -> None:
    """Build the index of every partition and attach it; the parent's is valid with the last one."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
        try:
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {NAME} ON ONLY {PARENT} {COLUMNS}")
            cursor.execute(_PARTITIONS, [NAME, PARENT])
            for partition, is_attached in cursor.fetchall():
                if not is_attached:
                    _build_one(cursor, partition)
        finally:
            cursor.execute("RESET lock_timeout")


def _build_one(cursor: Any, partition: str) -> None:
    name = f"{partition}_decided"
    # What an interrupted run left is invalid.
    cursor.execute(f"DROP INDEX IF EXISTS {name}")
    # Waits for the transactions that use the table, for as long as they take: others do not wait.
    cursor.execute("SET lock_timeout = 0")
    cursor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {partition} {COLUMNS}")
    cursor.execute("SET lock_timeout = '5s'")
    cursor.execute(f"ALTER INDEX {NAME} ATTACH PARTITION {name}")


class Migration(migrations.Migration):
    # CONCURRENTLY is not to be had inside a transaction.
    atomic = False

    dependencies = [
        ("calls", "0023_redecision"),
    ]

    operations = [
        migrations.RunPython(build, migrations.RunPython.noop),
    ]
