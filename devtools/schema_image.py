"""Builds the schema of a new database from the statements of an earlier run of the migrations.

Two thirds of the time of the migrations is Django's rendering of the models before and after each
operation. The first `./run` of a version runs them and records the statements they execute; a later
one executes the same statements in one transaction. `migrate` runs after either, so that the
database never depends on what was recorded.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

logger = logging.getLogger(__name__)

#: Beside the installed packages: who may write there may change what runs anyway.
FOLDER = Path(sys.prefix) / "callkeeper-schema"
#: Images of other versions and months; the oldest are removed.
KEPT = 8
#: It is for tables in use, and not to be had in a transaction.
_CONCURRENTLY = re.compile(r"^(\s*(?:CREATE(?: UNIQUE)?|DROP) INDEX) CONCURRENTLY\b")


def build() -> None:
    """Create the tables if the database has none, from the image if there is one.

    Does nothing else: what is missing after it is done by `migrate`.
    """
    if connection.introspection.table_names():
        return
    image = image_file()
    if image.exists():
        _load(image)
    else:
        _record(image)


def image_file() -> Path:
    """Return where the image of this code, server version and month belongs.

    The month is part of it because migrations name partitions by months.
    """
    digest = hashlib.sha256()
    for word in (django.__version__, _server_version(), f"{timezone.now():%Y-%m}"):
        digest.update(f"{word}\n".encode())
    for file in _sources():
        digest.update(f"{file}\n".encode())
        digest.update(file.read_bytes())
    return FOLDER / f"{digest.hexdigest()[:32]}.sql"


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return str(cursor.fetchone()[0])


def _sources() -> Iterator[Path]:
    """Yield the modules of our apps with migrations, which use code and settings beside them."""
    folders = [Path(one.path) for one in apps.get_app_configs()]
    ours = [one for one in folders if one.parent == settings.BASE_DIR and _migrates(one)]
    for folder in sorted([*ours, settings.BASE_DIR / "callkeeper_metrika"]):
        yield from sorted(folder.rglob("*.py"))


def _migrates(app: Path) -> bool:
    return (app / "migrations").is_dir()


def _load(image: Path) -> None:
    """Execute the image; leave the database empty if that fails, and remove the image."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(image.read_text(encoding="utf-8"))
            MigrationRecorder(connection).migration_qs.update(applied=timezone.now())
    except (DatabaseError, OSError, UnicodeDecodeError):
        logger.exception("the image of the schema %s is of no use", image)
        with suppress(OSError):
            image.unlink()
    finally:
        # Settings of the session, which the statements may have changed.
        connection.close()


def _record(image: Path) -> None:
    """Run all migrations and write the statements that they execute."""
    with _recorded() as statements:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    try:
        _write(image, "\n;\n".join(statements))
        _remove_old()
    except OSError:
        logger.warning("no image of the schema can be written to %s", FOLDER)


@contextmanager
def _recorded() -> Iterator[list[str]]:
    statements: list[str] = []

    def record(
        execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        for each in parameters if many else [parameters]:
            complete = context["cursor"].cursor.mogrify(sql, each).decode()
            statements.append(_CONCURRENTLY.sub(r"\1", complete.rstrip().rstrip(";")))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(record):
        yield statements


def _write(image: Path, text: str) -> None:
    """Write the whole file or none, whatever else writes it at the same time."""
    FOLDER.mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=FOLDER, suffix=".part")
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        # Of root's `./run` as well; there is no secret in it.
        os.fchmod(descriptor, 0o644)
    os.replace(name, image)


def _remove_old() -> None:
    images = sorted(FOLDER.glob("*.sql"), key=lambda one: one.stat().st_mtime, reverse=True)
    for image in images[KEPT:]:
        image.unlink(missing_ok=True)
