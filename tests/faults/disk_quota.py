"""A PostgreSQL of our own to break, and its disk without a free byte."""

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
def led_to(server: Postgres) -> Iterator[None]:
    """Let the models of this process speak to another server until the end of the block."""
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
def no_room_for(server: Postgres, table: str) -> Iterator[None]:
    """The table, emptied first, lies on a device without a free byte until the end of the block.

    Whoever adds a row to it hears SQLSTATE 53100 from the storage itself.
    """
    tell(server, f"TRUNCATE {table}", "CHECKPOINT")
    file = server.home / tell(server, f"SELECT pg_relation_filepath('{table}')")
    moved = file.with_name(f"{file.name}.aside")
    file.rename(moved)
    file.symlink_to("/dev/full")
    # Sessions that have the file open would go on writing to it. Ours may be one of them.
    tell(server, CUT_SESSIONS)
    connection.close()
    try:
        yield
    finally:
        file.unlink()
        moved.rename(file)
        tell(server, CUT_SESSIONS)
        connection.close()


@contextmanager
def no_room_for_changes(server: Postgres, table: str) -> Iterator[Callable[[], None]]:
    """Give what makes the disk full for every change of the table's rows, until the end.

    A change as a rule finds room on the page of its row, so when it does not cannot be chosen. Here
    every change has to write to a table beside it as well, and that one has no room.
    """

    def use_up() -> None:
        tell(
            server,
            "CREATE OR REPLACE FUNCTION use_room() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO no_room VALUES (1); RETURN NEW; END'",
            f"CREATE TRIGGER no_room BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION use_room()",
        )

    tell(server, "CREATE TABLE no_room (number integer)")
    with no_room_for(server, "no_room"):
        try:
            yield use_up
        finally:
            tell(server, f"DROP TRIGGER IF EXISTS no_room ON {table}")
    tell(server, "DROP TABLE no_room")


def tell(server: Postgres, *orders: str) -> str:
    """Say it past the product's sessions; return the first cell of the last answer."""
    outside = psycopg2.connect(server.url)
    outside.autocommit = True
    outside.set_session(readonly=False)
    cell = ""
    with outside.cursor() as cursor:
        for order in orders:
            cursor.execute(order)
            cell = str(cursor.fetchone()[0]) if cursor.description and cursor.rowcount else ""
    outside.close()
    return cell
