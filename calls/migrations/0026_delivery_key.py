"""The primary key of the deliveries begins with what a row is looked up by: the call and its month.

The key was (call_id, counter_id, channel, partition_at). PostgreSQL 18 answers a look-up by call_id
and partition_at by a skip scan, and prices that scan of the former key higher than one of the
index of a counter's history (counter_id, partition_at, call_id), which searches once a counter:
with 200 counters a look-up cost 80 searches in place of one. Same columns, same uniqueness.

The index of a large table is built beside the work of a live product: concurrently, partition by
partition; only the change of the key locks the table, for milliseconds. Stopped half-way it goes on
with the next `migrate`.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, transaction

PARENT = "calls_delivery"
KEY = "calls_delivery_pkey"
FORMER = "(call_id, counter_id, channel, partition_at)"
COLUMNS = "(call_id, partition_at, counter_id, channel)"

_PARTITIONS = """
SELECT child.relname,
    coalesce(built.indisvalid AND pg_get_indexdef(built.indexrelid) LIKE %s, false)
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
LEFT JOIN pg_index built ON built.indexrelid = to_regclass(quote_ident(child.relname || '_key'))
WHERE inhparent = to_regclass(%s) ORDER BY child.relname
"""
_HAS_KEY = "SELECT pg_get_constraintdef(oid) = %s FROM pg_constraint WHERE conname = %s"


def forwards(_apps: Any, schema_editor: Any) -> None:
    """Put the new order in the place of the former one."""
    _change_key(schema_editor.connection, COLUMNS)


def backwards(_apps: Any, schema_editor: Any) -> None:
    """Put the former order back."""
    _change_key(schema_editor.connection, FORMER)


def _change_key(connection: Any, columns: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HAS_KEY, [f"PRIMARY KEY {columns}", KEY])
        if cursor.fetchone() == (True,):
            return
        for partition, is_built in _partitions(cursor, columns):
            if not is_built:
                _build(cursor, partition, columns)
        with transaction.atomic(using=connection.alias):
            _swap(cursor, columns)


def _partitions(cursor: Any, columns: str) -> list[tuple[str, bool]]:
    """Return the names of the partitions, and whether their index of these columns is whole."""
    cursor.execute(_PARTITIONS, [f"% {columns}", PARENT])
    return list(cursor.fetchall())


def _build(cursor: Any, partition: str, columns: str) -> None:
    # What an interrupted run left; others do not wait behind this wait for a long transaction.
    cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {partition}_key")
    cursor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {partition}_key ON {partition} {columns}")


def _swap(cursor: Any, columns: str) -> None:
    """Make the built indexes the key; a month that was created meanwhile is empty."""
    cursor.execute("SET LOCAL lock_timeout = '5s'")
    cursor.execute(f"LOCK TABLE {PARENT} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"ALTER TABLE {PARENT} DROP CONSTRAINT {KEY}")
    for partition, is_built in _partitions(cursor, columns):
        if is_built:
            cursor.execute(
                f"ALTER TABLE {partition}"
                f" ADD CONSTRAINT {partition}_pkey PRIMARY KEY USING INDEX {partition}_key"
            )
    # Takes over the keys of the partitions that have one, without reading a row.
    cursor.execute(f"ALTER TABLE {PARENT} ADD CONSTRAINT {KEY} PRIMARY KEY {columns}")


class Migration(migrations.Migration):
    # CONCURRENTLY is not to be had inside a transaction.
    atomic = False

    dependencies = [
        ("calls", "0025_upload_pieces"),
    ]

    operations = [
        migrations.RunPython(forwards, backwards),
    ]
