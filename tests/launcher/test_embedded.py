from __future__ import annotations

from pathlib import Path

import psycopg2
import redis

from launcher.embedded import Postgres, Valkey


def test_cyrillic_is_compared_without_case(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "a folder" / "данные", password="s3cret", throwaway=True)

    postgres.start()

    with psycopg2.connect(postgres.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT upper('привет'), 'ЗВОНОК' ILIKE '%звон%'")
        assert cursor.fetchone() == ("ПРИВЕТ", True)
    connection.close()
    postgres.stop()


def test_valkey_answers_only_to_the_password(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "a folder", password="s3cret", throwaway=True)

    valkey.start()

    client = redis.Redis.from_url(valkey.url)
    assert client.ping() is True
    client.close()
    valkey.stop()
