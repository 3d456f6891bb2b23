"""Points Django at a separate PostgreSQL, and fills the disk of that server for one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2
from django.db import connection

from devtools.launcher.embedded import Postgres

CUT_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@contextmanager
def use_database(server: Postgres) -> Iterator[None]:
    """Connect the models of this process to another server until the end of the block."""
    connection.close()
    known = connection.settings_dict
    former = dict(known)
    known.update(
        HOST="127.0.0.1",
        PORT=server.port,
        USER="callkeeper",
        PASSWORD=server.password,
        NAME=server.database,
    )
    try:
        yield
    finally:
        connection.close()
        known.update(former)


@contextmanager
def full_disk_for_table(server: Postgres, table: str) -> Iterator[None]:
    """Truncate the table and put its file on `/dev/full` until the end of the block.

    Every INSERT into it then fails with SQLSTATE 53100, raised by the storage itself.
    """
    execute(server, f"TRUNCATE {table}", "CHECKPOINT")
    file = server.home / execute(server, f"SELECT pg_relation_filepath('{table}')")
    moved = file.with_name(f"{file.name}.aside")
    file.rename(moved)
    file.symlink_to("/dev/full")
    # Sessions that have the file open would keep writing to it. Ours may be one of them.
    execute(server, CUT_SESSIONS)
    connection.close()
    try:
        yield
    finally:
        file.unlink()
        moved.rename(file)
        execute(server, CUT_SESSIONS)
        connection.close()


@contextmanager
def full_disk_for_updates(server: Postgres, table: str) -> Iterator[Callable[[], None]]:
    """Yield a function after whose call every UPDATE of the table fails with SQLSTATE 53100.

    An UPDATE usually fits on the page of its row, so a full disk alone does not make it fail. A
    trigger therefore also writes to a second table, and that one has no room.
    """

    def fill_disk() -> None:
        execute(
            server,
            "CREATE OR REPLACE FUNCTION use_room() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO no_room VALUES (1); RETURN NEW; END'",
            f"CREATE TRIGGER no_room BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION use_room()",
        )

    execute(server, "CREATE TABLE no_room (number integer)")
    with full_disk_for_table(server, "no_room"):
        try:
            yield fill_disk
        finally:
            execute(server, f"DROP TRIGGER IF EXISTS no_room ON {table}")
    execute(server, "DROP TABLE no_room")


def execute(server: Postgres, *statements: str) -> str:
    """Run SQL on a connection of its own; return the first cell of the last result."""
    outside = psycopg2.connect(server.url)
    outside.autocommit = True
    outside.set_session(readonly=False)
    cell = ""
    with outside.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            cell = str(cursor.fetchone()[0]) if cursor.description and cursor.rowcount else ""
    outside.close()
    return cell
