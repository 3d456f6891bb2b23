"""Every hour with calls is marked once, and an index finds calls whose start was corrected.

A call stays in the hour in which it first came, so the calls of an hour are found by their start,
and the few others by this index. It is built beside the work of a live product: concurrently,
partition by partition. Stopped half-way the migration goes on with the next `migrate`.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

# calls.summary.live: calls of an hour that have another start by now
NAME = "call_moved"
PARENT = "calls_call"
COLUMNS = "(cabinet_id, partition_at) WHERE started_at <> partition_at"

_PARTITIONS = """
SELECT child.relname, EXISTS (
    SELECT 1 FROM pg_index own JOIN pg_inherits tie ON tie.inhrelid = own.indexrelid
    WHERE own.indrelid = child.oid AND tie.inhparent = to_regclass(%s))
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = to_regclass(%s) ORDER BY child.relname
"""

# The triggers are there: what changes from now on is marked by them.
_MARK_ALL = """
INSERT INTO calls_summarymark (cabinet_id, hour)
SELECT DISTINCT cabinet_id, date_trunc('hour', partition_at, 'UTC') FROM calls_call
"""


def build(_apps: Any, schema_editor: Any) -> None:
    """Build the index of every partition and attach it, then mark every hour."""
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
        cursor.execute(_MARK_ALL)


def drop(_apps: Any, schema_editor: Any) -> None:
    """Drop the index."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {NAME}")


def _build_one(cursor: Any, partition: str) -> None:
    name = f"{partition}_moved"
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

    dependencies = [("calls", "0040_summary")]

    operations = [migrations.RunPython(build, drop)]
