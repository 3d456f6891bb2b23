"""`docs/indexes.md` names every index of the database, and readers that exist."""

from __future__ import annotations

import re
from pkgutil import resolve_name

import pytest
from django.db import connection

from tests.paths import ROOT

#: Table under its heading, then lines with index, columns, reader and purpose.
HEADING = re.compile(r"^## (\w+)$")
LINE = re.compile(r"^\| (\w+) \| [^|]+ \| (?:`([\w.]+)`|—) \| ([^|]+) \|$")
#: Of Django's own apps.
FOREIGN = ("auth_", "django_", "account_", "mfa_")

_INDEXES = """
SELECT t.relname, i.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
"""


def listed() -> dict[tuple[str, str], tuple[str | None, str]]:
    """(table, index) → reader and purpose, as the document has them."""
    found, table = {}, ""
    for line in (ROOT / "docs" / "indexes.md").read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            table = heading[1]
        elif row := LINE.match(line):
            found[table, row[1]] = (row[2], row[3])
    return found


@pytest.mark.django_db
def test_document_names_the_indexes_of_the_database_and_no_other() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INDEXES)
        indexes = {row for row in cursor.fetchall() if not row[0].startswith(FOREIGN)}

    assert set(listed()) == indexes


def test_every_reader_exists_and_an_index_without_one_says_why() -> None:
    for (_table, index), (reader, purpose) in listed().items():
        if reader is None:
            assert purpose.startswith("nobody: "), index
        else:
            assert _exists(reader), f"{index}: {reader}"


def _exists(reader: str) -> bool:
    try:
        return resolve_name(reader) is not None
    except (ImportError, AttributeError):
        return False
