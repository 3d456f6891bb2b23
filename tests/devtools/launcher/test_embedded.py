from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import redis

from devtools.launcher.embedded import Postgres, Valkey
from devtools.launcher.embedded_server import HOST, EmbeddedServerFailed
from tests.paths import ROOT

PARENT = """
import pathlib, signal, sys
from devtools.launcher.embedded import Postgres, Valkey
home = pathlib.Path(sys.argv[1])
servers = [kind(home / kind.__name__, password="s3cret") for kind in (Postgres, Valkey)]
for server in servers:
    server.start()
print(*(server.process.pid for server in servers), flush=True)
signal.pause()
"""


@contextmanager
def started(server: Postgres | Valkey) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.stop()


def answer(postgres: Postgres, statement: str) -> object:
    with closing(psycopg2.connect(postgres.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


@pytest.fixture
def postgres(tmp_path: Path) -> Postgres:
    return Postgres(tmp_path / "a folder" / "данные", password="s3cret", temporary=True)


def test_cyrillic_is_compared_without_case(postgres: Postgres) -> None:
    with started(postgres):
        found = answer(postgres, "SELECT upper('привет'), 'ЗВОНОК' ILIKE '%звон%'")

    assert found == ("ПРИВЕТ", True)


def test_data_survive_a_restart(postgres: Postgres) -> None:
    with started(postgres):
        answer(postgres, "CREATE TABLE kept AS SELECT 42 AS number")

    with started(postgres):
        assert answer(postgres, "SELECT number FROM kept") == (42,)


def test_killed_server_restarts_at_the_same_address(postgres: Postgres) -> None:
    with started(postgres):
        address = postgres.url
        assert postgres.process is not None
        postgres.process.kill()
        postgres.process.wait()
        assert postgres.is_running is False

        postgres.start()

        assert postgres.url == address
        assert answer(postgres, "SELECT 1") == (1,)


def test_wrong_password_for_the_data_is_reported_in_a_sentence(postgres: Postgres) -> None:
    with started(postgres):
        pass
    other = Postgres(postgres.home, password="another", temporary=True)

    with pytest.raises(EmbeddedServerFailed, match="another password"), started(other):
        pass

    other.stop()


def test_valkey_answers_only_to_the_password(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "a folder", password="s3cret", temporary=True)

    with started(valkey), closing(redis.Redis.from_url(valkey.url)) as friend:
        assert friend.ping() is True
        with (
            closing(redis.Redis(host=HOST, port=valkey.port)) as other,
            pytest.raises(redis.AuthenticationError),
        ):
            other.ping()


def test_killed_parent_leaves_no_server(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    everything = [*children, *(part for child in children for part in child.children())]

    parent.kill()

    parent.communicate()
    assert len(everything) > 2
    assert psutil.wait_procs(everything, timeout=10)[1] == []


def test_postgres_is_not_root_and_works_in_a_private_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    postgres = Postgres(tmp_path / "closed" / "postgres", password="s3cret", temporary=True)

    with started(postgres):
        assert postgres.process is not None
        owner = psutil.Process(postgres.process.pid).uids().real

    assert owner != 0
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700


def test_second_stop_does_nothing(postgres: Postgres) -> None:
    with started(postgres):
        process = postgres.process

    postgres.stop()

    assert process is not None
    assert process.returncode in (0, -signal.SIGINT)


def test_temporary_folder_of_root_alone_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "closed"))
    postgres = Postgres(tmp_path / "postgres", password="s3cret", temporary=True)

    try:
        postgres.start()
        assert postgres.is_running
    finally:
        postgres.stop()


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN], ids=["", "job"])
def test_interrupted_creation_leaves_no_half_cluster(postgres: Postgres, handler: Any) -> None:
    """Also when the parent ignores SIGINT, as a background job of a shell does."""
    former = signal.signal(signal.SIGINT, handler)
    try:
        postgres.prepare()
    finally:
        signal.signal(signal.SIGINT, former)

    postgres.stop()

    assert list(postgres.home.iterdir()) == []
    with started(postgres):
        assert answer(postgres, "SELECT 1") == (1,)
