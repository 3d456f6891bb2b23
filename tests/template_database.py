"""Migrates one database of a run of the tests; those of its workers are copies of it."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connection

from devtools import schema_image

NAME = "test_template"
#: A name of its own until it is complete: a run that was stopped leaves nothing that looks whole.
UNFINISHED = f"{NAME}_unfinished"
#: Of the advisory lock that one worker holds while it makes the database.
LOCK = 20261129


def make() -> str:
    """Return the name of the database; the first worker that comes makes it, the others wait."""
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
        if cursor.fetchone() is None:
            cursor.execute(f"DROP DATABASE IF EXISTS {UNFINISHED}")
            cursor.execute(f"CREATE DATABASE {UNFINISHED}")
            _migrate()
            cursor.execute(f"ALTER DATABASE {UNFINISHED} RENAME TO {NAME}")
    return NAME


def _migrate() -> None:
    """Make the tables as `./run` does: by the image of the schema, if there is one of this code."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = UNFINISHED
    try:
        schema_image.build()
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
