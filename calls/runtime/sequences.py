"""Moves the sequences of all tables ahead, so that no id is given twice after a restore."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection

#: More rows than were lost with any dump that is worth restoring.
GAP = 1_000_000
#: The sequences of Django's own tables are integers.
GAP_OF_INTEGERS = 100_000

_OWNED = """
SELECT format('%I.%I', n.nspname, s.relname), format('%I.%I', n.nspname, t.relname), a.attname,
       t.relname, q.seqtypid = 'integer'::regtype, t.relkind = 'p'
FROM pg_sequence q
JOIN pg_class s ON s.oid = q.seqrelid
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
     AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE n.nspname = current_schema() ORDER BY t.relname
"""


def advance_sequences(*, at_least: Mapping[str, int], gap: int = GAP) -> dict[str, int]:
    """Move every sequence of the schema ahead by ``gap``; return the next ids by table.

    Beyond every id that is stored, and beyond ``at_least`` (by table), which is known to have been
    given. Safe at any time and to repeat: a repeat moves them further.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OWNED)
        owned = cursor.fetchall()
    advanced = {}
    for sequence, qualified, column, table, is_integer, is_partitioned in owned:
        # A partitioned table has no index for it; nobody gives its ids but the sequence.
        highest = f'(SELECT max("{column}") FROM {qualified})' if not is_partitioned else "0"
        step = min(gap, GAP_OF_INTEGERS) if is_integer else gap
        advanced[table] = _advance(sequence, highest, known=at_least.get(table, 0), gap=step)
    return advanced


def advance_beyond(table: str, number: int) -> None:
    """Move the sequence of a table's id so that ``number`` is not given any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone()
        cursor.execute(
            f"SELECT setval(%s, %s) FROM {sequence} WHERE last_value < %s",
            [sequence, number, number],
        )


def _advance(sequence: str, highest: str, *, known: int, gap: int) -> int:
    """``highest`` is SQL of the highest id that is stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT setval(%s, greatest((SELECT last_value FROM {sequence}), %s,"
            f" coalesce({highest}, 0)) + %s, false)",
            [sequence, known, gap],
        )
        return int(cursor.fetchone()[0])
